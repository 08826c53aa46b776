"""openai-python, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider)."""

import asyncio
import json
import os

import openai
import pytest

from private_values import (
    BILLING, CARD, EMAIL, ERRAND, IBAN, INTRODUCED, INTRODUCTION, PIXEL, RESULT, STAND_IN, SUPPORT, SYSTEM,
)

BASE_URL = os.environ["PRIVET_URL"] + "/v1"
KEY = os.environ["PRIVET_KEY"]
WRONG_KEY = KEY[:12] + ("B" if KEY[12] == "A" else "A") + KEY[13:]
MODEL = "demo-small"
TOOLS = [{
    "type": "function",
    "function": {
        "name": "send_mail",
        "description": "Sends a mail.",
        "parameters": {
            "type": "object",
            "properties": {"card": {"type": "string"}, "to": {"type": "string"}, "body": {"type": "string"}},
            "required": ["card", "to", "body"],
        },
    },
}]
ARGUMENTS = {"card": CARD, "to": BILLING, "body": ERRAND}


@pytest.fixture
def client(provider):
    with openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30) as client:
        yield client


def user(text):
    return [{"role": "user", "content": text}]


def whole(text, *values):
    """Asserts that `values` are in `text` and no stand-in is left."""
    assert [value for value in values if value not in text] == []
    assert STAND_IN.findall(text) == []


def said(stream, choice=0):
    deltas = (part.delta.content for chunk in stream for part in chunk.choices if part.index == choice)
    return "".join(delta for delta in deltas if delta)


def test_a_chat_reply_is_whole(client, provider):
    reply = client.chat.completions.create(model=MODEL, messages=user(INTRODUCTION))
    whole(reply.choices[0].message.content, f"You wrote: {INTRODUCTION}", *INTRODUCED)
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens > 0
    assert len(provider.requests()) == 1


def test_a_chat_stream_is_whole(client):
    stream = client.chat.completions.create(model=MODEL, messages=user(INTRODUCTION), stream=True)
    whole(said(stream), f"You wrote: {INTRODUCTION}", *INTRODUCED)


def test_an_asynchronous_chat_stream_is_whole(provider):
    async def ask():
        async with openai.AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30) as client:
            stream = await client.chat.completions.create(model=MODEL, messages=user(INTRODUCTION), stream=True)
            return said([chunk async for chunk in stream])

    whole(asyncio.run(ask()), f"You wrote: {INTRODUCTION}", *INTRODUCED)


def test_the_stream_helper_puts_the_same_message_together(client):
    with client.chat.completions.stream(model=MODEL, messages=user(INTRODUCTION)) as stream:
        for _ in stream:
            pass
        reply = stream.get_final_completion()
    whole(reply.choices[0].message.content, f"You wrote: {INTRODUCTION}", *INTRODUCED)


def test_a_tool_call_has_real_arguments(client):
    reply = client.chat.completions.create(model=MODEL, messages=user(ERRAND), tools=TOOLS)
    call = reply.choices[0].message.tool_calls[0]
    assert reply.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "send_mail"
    assert json.loads(call.function.arguments) == ARGUMENTS


def test_a_streamed_tool_call_has_real_arguments(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=user(ERRAND), tools=TOOLS, stream=True,
        tool_choice={"type": "function", "function": {"name": "send_mail"}},
    )
    calls = [call for chunk in stream for part in chunk.choices for call in part.delta.tool_calls or []]
    assert {call.index for call in calls} == {0}
    assert "".join(call.function.name or "" for call in calls) == "send_mail"
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == ARGUMENTS


@pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
def test_three_turns_with_a_tool_call_in_between_stay_whole(client, provider, is_stream):
    messages = [{"role": "system", "content": SYSTEM}, *user(INTRODUCTION)]

    def ask():
        if not is_stream:
            return client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS).choices[0].message
        with client.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as stream:
            for _ in stream:
                pass
            return stream.get_final_completion().choices[0].message

    first = ask()
    whole(first.content, INTRODUCTION, SUPPORT)
    messages += [first.model_dump(exclude_none=True, exclude={"parsed"}), *user(ERRAND)]
    second = ask()
    call = second.tool_calls[0]
    assert json.loads(call.function.arguments) == ARGUMENTS
    messages += [
        {
            "role": "assistant",
            "tool_calls": [{
                "id": call.id, "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }],
        },
        {"role": "tool", "tool_call_id": call.id, "content": RESULT},
    ]
    third = ask()
    whole(third.content, f"The tool answered: {RESULT}", EMAIL, IBAN)
    messages += [{"role": "assistant", "content": third.content}, *user("Danke! 🙏 What else do you remember?")]
    whole(ask().content, *INTRODUCED, BILLING, SUPPORT)
    # What a message becomes depends on the messages before it only, so that the provider's prompt cache still hits.
    sent = [json.loads(request["body"])["messages"] for request in provider.requests()]
    assert all(later[:len(earlier)] == earlier for earlier, later in zip(sent, sent[1:]))


def test_all_choices_are_whole(client):
    reply = client.chat.completions.create(model=MODEL, messages=user(INTRODUCTION), n=2)
    for choice in reply.choices:
        whole(choice.message.content, INTRODUCTION)
    assert len(reply.choices) == 2


def test_all_streamed_choices_are_whole(client):
    stream = client.chat.completions.create(model=MODEL, messages=user(INTRODUCTION), n=2, stream=True)
    chunks = list(stream)
    whole(said(chunks, 0), INTRODUCTION)
    whole(said(chunks, 1), INTRODUCTION)


def test_usage_comes_in_a_last_chunk_without_choices(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=user(INTRODUCTION), stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    whole(said(chunks), INTRODUCTION)
    assert last.choices == []
    assert last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks)


def test_models_are_listed_and_told(client):
    assert any(model.id.startswith("demo-") for model in client.models.list())
    assert client.models.retrieve("demo-small").object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("demo-that-nobody-has")


def test_a_wrong_key_is_an_authentication_error(unreached):
    with openai.OpenAI(base_url=BASE_URL, api_key=WRONG_KEY, max_retries=0, timeout=30) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model=MODEL, messages=user(INTRODUCTION))
    assert caught.value.status_code == 401
    assert isinstance(caught.value.body["message"], str)


def test_an_image_is_a_bad_request(client, unreached):
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    parts = [{"type": "text", "text": INTRODUCTION}, image]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="demo-blind", messages=[{"role": "user", "content": parts}])
    assert caught.value.status_code == 400
    assert isinstance(caught.value.body["message"], str)


@pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
def test_an_image_that_the_policy_passes_is_sent_as_it_is_beside_a_masked_text(seeing, provider, is_stream):
    url, key = seeing
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": INTRODUCTION}, image]}]
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=30) as client:
        reply = client.chat.completions.create(model=MODEL, messages=messages, stream=is_stream)
        text = said(reply) if is_stream else reply.choices[0].message.content
    whole(text, "[image_url]", *INTRODUCED)
    [request] = provider.requests()
    assert json.loads(request["body"])["messages"][0]["content"][1] == image


def test_an_error_of_the_provider_arrives_with_its_headers(client):
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="demo-error-429", messages=user(INTRODUCTION))
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after-ms"] == "250"
    assert caught.value.request_id
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="demo-error-500", messages=user(INTRODUCTION))


def test_a_stream_that_breaks_off_is_an_error_and_shows_no_piece_of_a_stand_in(client):
    stream = client.chat.completions.create(model="demo-cut", messages=user(INTRODUCTION), stream=True)
    seen = ""
    with pytest.raises(openai.APIError):
        for chunk in stream:
            seen += said([chunk])
    assert "_ADD" not in seen
