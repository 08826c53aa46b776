"""anthropic-python, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider)."""

import json
import os
import urllib.request

import anthropic
import pytest

from private_values import (
    BILLING, CARD, EMAIL, ERRAND, IBAN, INTRODUCED, INTRODUCTION, PIXEL, RESULT, STAND_IN, SUPPORT, SYSTEM,
)

BASE_URL = os.environ["PRIVET_URL"]
KEY = os.environ["PRIVET_KEY"]
WRONG_KEY = KEY[:12] + ("B" if KEY[12] == "A" else "A") + KEY[13:]
MODEL = "claude-demo"
LIMIT = 1024
TOOLS = [{
    "name": "send_mail",
    "description": "Sends a mail.",
    "input_schema": {
        "type": "object",
        "properties": {"card": {"type": "string"}, "to": {"type": "string"}, "body": {"type": "string"}},
        "required": ["card", "to", "body"],
    },
}]
ARGUMENTS = {"card": CARD, "to": BILLING, "body": ERRAND}


@pytest.fixture
def client(provider):
    with anthropic.Anthropic(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30) as client:
        yield client


def user(text):
    return [{"role": "user", "content": text}]


def whole(text, *values):
    """Asserts that `values` are in `text` and no stand-in is left."""
    assert [value for value in values if value not in text] == []
    assert STAND_IN.findall(text) == []


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message):
    return [block for block in message.content if block.type == "tool_use"]


def test_a_message_is_whole(client, provider):
    message = client.messages.create(model=MODEL, max_tokens=LIMIT, messages=user(INTRODUCTION))
    whole(text_of(message), f"You wrote: {INTRODUCTION}", *INTRODUCED)
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0
    assert len(provider.requests()) == 1


def test_a_streamed_message_is_whole(client):
    with client.messages.stream(model=MODEL, max_tokens=LIMIT, messages=user(INTRODUCTION)) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    whole(text, f"You wrote: {INTRODUCTION}", *INTRODUCED)
    assert text_of(message) == text
    assert message.stop_reason == "end_turn"


def test_raw_events_come_in_order(client):
    stream = client.messages.create(model=MODEL, max_tokens=LIMIT, messages=user(INTRODUCTION), stream=True)
    types = [event.type for event in stream]
    assert types[:2] == ["message_start", "content_block_start"]
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(types[2:-3]) == {"content_block_delta"}


def test_system_blocks_are_masked_and_restored(client):
    system = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
    message = client.messages.create(model=MODEL, max_tokens=LIMIT, messages=user(INTRODUCTION), system=system)
    whole(text_of(message), INTRODUCTION, SYSTEM)


def test_a_tool_call_has_real_arguments(client):
    message = client.messages.create(model=MODEL, max_tokens=LIMIT, messages=user(ERRAND), tools=TOOLS)
    [call] = calls_of(message)
    assert (call.name, call.input) == ("send_mail", ARGUMENTS)
    assert message.stop_reason == "tool_use"


def test_a_streamed_tool_call_has_real_arguments(client):
    with client.messages.stream(
        model=MODEL, max_tokens=LIMIT, messages=user(ERRAND), tools=TOOLS, tool_choice={"type": "any"}
    ) as stream:
        message = stream.get_final_message()
    [call] = calls_of(message)
    assert (call.name, call.input) == ("send_mail", ARGUMENTS)


@pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
def test_three_turns_with_a_tool_call_in_between_stay_whole(client, is_stream):
    messages = user(INTRODUCTION)

    def ask():
        asked = {"model": MODEL, "max_tokens": LIMIT, "system": SYSTEM, "messages": messages, "tools": TOOLS}
        if not is_stream:
            return client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            return stream.get_final_message()

    first = ask()
    whole(text_of(first), INTRODUCTION, SUPPORT)
    messages += [{"role": "assistant", "content": text_of(first)}, *user(ERRAND)]
    second = ask()
    [call] = calls_of(second)
    assert call.input == ARGUMENTS
    result = {"type": "tool_result", "tool_use_id": call.id, "content": RESULT}
    asked_back = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}]
    messages += [{"role": "assistant", "content": asked_back}, {"role": "user", "content": [result]}]
    third = ask()
    whole(text_of(third), f"The tool answered: {RESULT}", EMAIL, IBAN)
    messages += [{"role": "assistant", "content": text_of(third)}, *user("Danke! 🙏 What else do you remember?")]
    whole(text_of(ask()), *INTRODUCED, BILLING, SUPPORT)


@pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
def test_a_signed_thinking_block_can_be_sent_back(client, is_stream):
    # The provider refuses a thinking block that differs from what it signed.
    asked = {"model": "claude-demo-thinking", "max_tokens": LIMIT}
    messages = user(INTRODUCTION)
    if is_stream:
        with client.messages.stream(messages=messages, **asked) as stream:
            first = stream.get_final_message()
    else:
        first = client.messages.create(messages=messages, **asked)
    thinking = first.content[0]
    assert thinking.type == "thinking"
    whole(text_of(first), INTRODUCTION)
    sent_back = [
        {"type": "thinking", "thinking": thinking.thinking, "signature": thinking.signature},
        {"type": "text", "text": text_of(first)},
    ]
    messages += [{"role": "assistant", "content": sent_back}, *user("And now?")]
    whole(text_of(client.messages.create(messages=messages, **asked)), "You wrote: And now?", *INTRODUCED)


def test_an_auth_token_is_taken_as_the_key_is(provider):
    with anthropic.Anthropic(base_url=BASE_URL, auth_token=KEY, max_retries=0, timeout=30) as client:
        message = client.messages.create(model=MODEL, max_tokens=LIMIT, messages=user(INTRODUCTION))
    whole(text_of(message), INTRODUCTION)


@pytest.mark.parametrize("by", ["api_key", "auth_token"])
def test_a_wrong_key_is_an_authentication_error(unreached, by):
    with anthropic.Anthropic(base_url=BASE_URL, max_retries=0, timeout=30, **{by: WRONG_KEY}) as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            client.messages.create(model=MODEL, max_tokens=LIMIT, messages=user(INTRODUCTION))
    assert caught.value.status_code == 401
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "authentication_error"


def test_an_image_is_a_bad_request(client, unreached):
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    blocks = [{"type": "text", "text": INTRODUCTION}, {"type": "image", "source": source}]
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(
            model="claude-demo-blind", max_tokens=LIMIT, messages=[{"role": "user", "content": blocks}]
        )
    assert caught.value.body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
def test_an_image_that_the_policy_passes_is_sent_as_it_is_beside_a_masked_text(seeing, provider, is_stream):
    url, key = seeing
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    asked = {
        "model": MODEL, "max_tokens": LIMIT,
        "messages": [{"role": "user", "content": [{"type": "text", "text": INTRODUCTION}, image]}],
    }
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=30) as client:
        if is_stream:
            with client.messages.stream(**asked) as stream:
                message = stream.get_final_message()
        else:
            message = client.messages.create(**asked)
    whole(text_of(message), "[image]", *INTRODUCED)
    [request] = provider.requests()
    assert json.loads(request["body"])["messages"][0]["content"][1] == image


def test_an_error_of_the_provider_arrives_with_its_headers(client):
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(model="claude-demo-error-429", max_tokens=LIMIT, messages=user(INTRODUCTION))
    assert caught.value.body["error"]["type"] == "rate_limit_error"
    assert caught.value.response.headers["retry-after"] == "1"
    assert caught.value.request_id


def test_an_error_in_a_stream_is_an_error(client):
    with pytest.raises(anthropic.APIStatusError):
        with client.messages.stream(
            model="claude-demo-error-stream", max_tokens=LIMIT, messages=user(INTRODUCTION)
        ) as stream:
            stream.get_final_message()


def test_the_tokens_of_what_is_sent_are_counted(client, provider):
    counted = client.messages.count_tokens(model=MODEL, messages=user(INTRODUCTION), system=SYSTEM, tools=TOOLS)
    message = client.messages.create(
        model=MODEL, max_tokens=LIMIT, messages=user(INTRODUCTION), system=SYSTEM, tools=TOOLS
    )
    assert counted.input_tokens == message.usage.input_tokens > 0


def test_one_model_is_told(client):
    assert client.models.retrieve("claude-demo").type == "model"


def test_bodies_of_a_coding_agent_pass_with_their_betas(provider):
    """A body of the shape that coding agents send each turn, after a look whether anybody is there."""
    headers = {"anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,something-new-2031-01-01"}
    with urllib.request.urlopen(urllib.request.Request(BASE_URL, method="HEAD"), timeout=30) as reply:
        assert reply.status == 200
    options = {"max_retries": 0, "timeout": 30, "default_headers": headers}
    with anthropic.Anthropic(base_url=BASE_URL, auth_token=KEY, api_key=None, **options) as client:
        system = [
            {"type": "text", "text": "You are a coding agent that runs in a terminal."},
            {"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}},
        ]
        reminder = {"type": "text", "text": "<system-reminder>Today is a working day.</system-reminder>"}
        said = {"type": "text", "text": INTRODUCTION, "cache_control": {"type": "ephemeral"}}
        asked = {
            "model": MODEL, "max_tokens": LIMIT, "system": system, "tools": TOOLS,
            "messages": [{"role": "user", "content": [reminder, said]}],
            "metadata": {"user_id": "user_0a1b_account__session_019a7c3e"},
            "extra_query": {"beta": "true"},
        }
        stream = client.messages.create(**asked, stream=True)
        text = "".join(event.delta.text for event in stream if event.type == "content_block_delta")
        whole(text, INTRODUCTION, SUPPORT)
    *_, request = provider.requests()
    assert request["path"] == "/v1/messages?beta=true"
    assert dict(request["headers"])["anthropic-beta"] == headers["anthropic-beta"]
    assert json.loads(request["body"])["system"][0] == system[0]
