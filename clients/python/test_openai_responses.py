"""openai-python's responses and embeddings, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider)."""

import json
import os

import openai
import pytest

from private_values import (
    BILLING, CARD, EMAIL, ERRAND, IBAN, INTRODUCED, INTRODUCTION, PIXEL, RESULT, STAND_IN, SUPPORT, SYSTEM,
)

BASE_URL = os.environ["PRIVET_URL"] + "/v1"
KEY = os.environ["PRIVET_KEY"]
MODEL = "demo-small"
TOOLS = [{
    "type": "function",
    "name": "send_mail",
    "description": "Sends a mail.",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"card": {"type": "string"}, "to": {"type": "string"}, "body": {"type": "string"}},
        "required": ["card", "to", "body"],
    },
}]
ARGUMENTS = {"card": CARD, "to": BILLING, "body": ERRAND}


@pytest.fixture
def client(provider):
    with openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30) as client:
        yield client


def whole(text, *values):
    """Asserts that `values` are in `text` and no stand-in is left."""
    assert [value for value in values if value not in text] == []
    assert STAND_IN.findall(text) == []


def test_a_response_is_whole(client, provider):
    reply = client.responses.create(model=MODEL, input=INTRODUCTION, instructions=SYSTEM)
    whole(reply.output_text, f"You wrote: {INTRODUCTION}", *INTRODUCED, SUPPORT)
    assert reply.status == "completed"
    assert reply.usage.total_tokens > 0
    assert len(provider.requests()) == 1


def test_a_streamed_response_says_the_same_in_pieces_and_at_its_end(client):
    events = list(client.responses.create(model=MODEL, input=INTRODUCTION, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    whole(said, f"You wrote: {INTRODUCTION}", *INTRODUCED)
    done = [event.text for event in events if event.type == "response.output_text.done"]
    assert events[-1].type == "response.completed"
    assert done == [said] == [events[-1].response.output_text]


def test_the_stream_helper_puts_the_same_response_together(client):
    with client.responses.stream(model=MODEL, input=INTRODUCTION) as stream:
        for _ in stream:
            pass
        reply = stream.get_final_response()
    whole(reply.output_text, f"You wrote: {INTRODUCTION}", *INTRODUCED)


def test_reasoning_is_restored_where_it_is_text_and_left_alone_where_it_is_encrypted(client):
    asked = {"model": MODEL, "store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"summary": "auto"}}
    first = client.responses.create(input=INTRODUCTION, **asked)
    reasoning = first.output[0]
    whole(reasoning.summary[0].text, INTRODUCTION)
    # The provider refuses encrypted reasoning that was changed.
    turns = [{"role": "user", "content": INTRODUCTION}, *[item.to_dict() for item in first.output]]
    again = client.responses.create(input=[*turns, {"role": "user", "content": "And now?"}], **asked)
    assert again.status == "completed"


@pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
def test_three_turns_with_a_tool_call_in_between_stay_whole(client, provider, is_stream):
    turns = [{"role": "user", "content": [{"type": "input_text", "text": INTRODUCTION}]}]

    def ask():
        asked = {"model": MODEL, "input": turns, "tools": TOOLS, "instructions": SYSTEM, "store": False}
        if not is_stream:
            return client.responses.create(**asked)
        with client.responses.stream(**asked) as stream:
            for _ in stream:
                pass
            return stream.get_final_response()

    def items(reply):
        return [item.to_dict(exclude_none=True) for item in reply.output]

    first = ask()
    whole(first.output_text, INTRODUCTION, SUPPORT)
    turns += [*items(first), {"role": "user", "content": ERRAND}]
    second = ask()
    call = second.output[0]
    assert (call.type, call.name) == ("function_call", "send_mail")
    assert json.loads(call.arguments) == ARGUMENTS
    sent = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    turns += [sent, {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}]
    third = ask()
    whole(third.output_text, f"The tool answered: {RESULT}", EMAIL, IBAN)
    turns += [*items(third), {"role": "user", "content": "Danke! 🙏 What else do you remember?"}]
    whole(ask().output_text, *INTRODUCED, BILLING, SUPPORT)
    # What an item becomes depends on the items before it only, so that the provider's prompt cache still hits.
    sent = [json.loads(request["body"])["input"] for request in provider.requests()]
    assert all(later[:len(earlier)] == earlier for earlier, later in zip(sent, sent[1:]))


def test_an_image_is_a_bad_request(client, unreached):
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    content = [{"type": "input_text", "text": INTRODUCTION}, image]
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="demo-blind", input=[{"role": "user", "content": content}])
    assert isinstance(caught.value.body["message"], str)


@pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
def test_an_image_that_the_policy_passes_is_sent_as_it_is_beside_a_masked_text(seeing, provider, is_stream):
    url, key = seeing
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
    turns = [{"role": "user", "content": [{"type": "input_text", "text": INTRODUCTION}, image]}]
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=30) as client:
        if is_stream:
            with client.responses.stream(model=MODEL, input=turns) as stream:
                for _ in stream:
                    pass
                reply = stream.get_final_response()
        else:
            reply = client.responses.create(model=MODEL, input=turns)
    whole(reply.output_text, "[input_image]", *INTRODUCED)
    [request] = provider.requests()
    assert json.loads(request["body"])["input"][0]["content"][1] == image


def test_errors_of_the_provider_arrive(client):
    with pytest.raises(openai.RateLimitError) as caught:
        client.responses.create(model="demo-error-429", input=INTRODUCTION)
    assert caught.value.response.headers["retry-after-ms"] == "250"
    *_, last = client.responses.create(model="demo-error-stream", input=INTRODUCTION, stream=True)
    assert (last.type, last.code) == ("error", "server_error")


def test_texts_are_embedded_the_same_alone_and_in_a_batch(client, provider):
    # The library asks for base64 and unpacks it.
    batch = client.embeddings.create(model=MODEL, input=[INTRODUCTION, "hello"])
    alone = client.embeddings.create(model=MODEL, input=INTRODUCTION)
    assert json.loads(provider.requests()[0]["body"])["encoding_format"] == "base64"
    assert batch.data[0].embedding == alone.data[0].embedding != batch.data[1].embedding
    floats = client.embeddings.create(model=MODEL, input="hello", encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(batch.data[1].embedding, abs=1e-6)


def test_texts_given_as_tokens_are_a_bad_request(client, unreached):
    if os.environ.get("PRIVET_DIRECT") == "1":
        pytest.skip("a provider reads tokens")
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=MODEL, input=[[1, 2, 3]])
    assert caught.value.code == "content_not_checkable"


def codex_like(turns):
    """A body of the shape that coding agents send each turn."""
    return {
        "model": MODEL,
        "instructions": f"You are a coding agent that runs in a terminal. {SYSTEM}",
        "input": turns,
        "tools": [
            *TOOLS,
            {"type": "function", "name": "shell", "description": "Runs a command.", "strict": False, "parameters": {
                "type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}},
            }},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "019a7c3e-7f2b-7a11-9c55-0d6c1e2f3a4b",
        "text": {"verbosity": "medium"},
    }


def test_bodies_of_a_coding_agent_pass_turn_after_turn(client, provider):
    turns = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions>read only</permissions>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<cwd>/home/dev/shop</cwd>"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": INTRODUCTION}]},
    ]
    for question in [ERRAND, "And what is my IBAN?"]:
        *_, last = list(client.responses.create(**codex_like(turns)))
        assert last.type == "response.completed"
        for item in last.response.output:
            turns.append(item.to_dict(exclude_none=True))
            if item.type == "function_call":
                turns.append({"type": "function_call_output", "call_id": item.call_id, "output": RESULT})
        turns.append({"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]})
    bodies = [json.loads(request["body"]) for request in provider.requests()]
    assert bodies[0]["prompt_cache_key"] == codex_like([])["prompt_cache_key"]
    assert bodies[0]["tools"] == bodies[1]["tools"]
    assert bodies[1]["input"][:3] == bodies[0]["input"]
