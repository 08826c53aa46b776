"""Bodies in the shape of Claude Code's and Codex's, byte for byte as those send them, without a library in between (or, with
PRIVET_DIRECT=1, straight to the provider)."""

import json
import os
import urllib.request
import uuid

import pytest

import agents
from private_values import BILLING, CARD, EMAIL, ERRAND, IBAN, INTRODUCED, INTRODUCTION, RESULT, STAND_IN, SUPPORT

URL = os.environ["PRIVET_URL"]
KEY = os.environ["PRIVET_KEY"]
BOTH = pytest.mark.parametrize("is_stream", [False, True], ids=["json", "stream"])
CLAUDE_CODE = {
    "authorization": f"Bearer {KEY}",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,made-up-2031-01-01",
    "anthropic-dangerous-direct-browser-access": "true",
    "user-agent": "claude-cli/2.1.0 (external, cli)",
    "x-app": "cli",
    "x-stainless-retry-count": "0",
}
CODEX = {
    "authorization": f"Bearer {KEY}",
    "originator": "codex_cli_rs",
    "user-agent": "codex_cli_rs/0.169.0 (Linux; x86_64) terminal",
    "openai-beta": "responses=experimental",
}


def post(path, body, headers):
    """The reply's bytes to `body`, in JSON as these agents write it."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {**headers, "content-type": "application/json", "accept": "text/event-stream" if body.get("stream") else "application/json"}
    with urllib.request.urlopen(urllib.request.Request(URL + path, data=data, headers=headers), timeout=60) as reply:
        return reply.read()


def events(raw):
    lines = (line.removeprefix("data: ") for line in raw.decode().splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]"]


def whole(value, *values):
    """Asserts that `values` are in `value`, as text, and no stand-in is left."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    assert [wanted for wanted in values if wanted not in text] == []
    assert STAND_IN.findall(text) == []


def message(raw, is_stream):
    """The content of a message, put together from its events as the agent does."""
    if not is_stream:
        return json.loads(raw)
    blocks, partial = [], {}
    for event in events(raw):
        if event["type"] == "message_start":
            reply = event["message"]
        elif event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            kind = delta["type"]
            if kind == "input_json_delta":
                partial[event["index"]] = partial.get(event["index"], "") + delta["partial_json"]
            else:
                name = kind.removesuffix("_delta")
                block[name] = block.get(name, "") + delta[name]
    for index, text in partial.items():
        blocks[index]["input"] = json.loads(text)
    return {**reply, "content": blocks}


def texts(content):
    return "".join(block["text"] for block in content if block["type"] == "text")


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def text(said):
    return {"type": "text", "text": said}


@BOTH
def test_claude_code_works_through_four_turns(provider, is_stream):
    session = str(uuid.uuid4())
    messages = [user(agents.REMINDER, {**text(INTRODUCTION), "cache_control": {"type": "ephemeral"}})]
    sizes = []

    def ask():
        body = agents.claude_code(messages, session)
        if is_stream:
            body["stream"] = True
        sizes.append(len(json.dumps(body, ensure_ascii=False)))
        reply = message(post("/v1/messages?beta=true", body, CLAUDE_CODE), is_stream)
        messages.append({"role": "assistant", "content": reply["content"]})
        return reply

    first = ask()
    assert [block["type"] for block in first["content"]] == ["thinking", "text"]
    assert first["content"][0]["signature"]
    whole(texts(first["content"]), INTRODUCTION, SUPPORT)
    # Something read in between, as agents do; the signed block before it goes back as it came.
    call, result = agents.read_before("toolu_read1")
    messages[-1] = {"role": "assistant", "content": [*first["content"], call]}
    messages.append(user(result, text("What stands there?")))
    whole(texts(ask()["content"]), EMAIL, IBAN)
    messages.append(user(text(ERRAND)))
    called = [block for block in ask()["content"] if block["type"] == "tool_use"]
    assert [(block["name"], block["input"]) for block in called] == [("send_mail", {"card": CARD, "to": BILLING, "body": ERRAND})]
    done = {"type": "tool_result", "tool_use_id": called[0]["id"], "content": [text(RESULT)], "is_error": False}
    messages.append(user(done))
    whole(texts(ask()["content"]), RESULT, *INTRODUCED)

    assert 70_000 < sizes[0] < 80_000, sizes
    requests = provider.requests()
    assert {request["path"] for request in requests} == {"/v1/messages?beta=true"}
    assert {dict(request["headers"])["anthropic-beta"] for request in requests} == {CLAUDE_CODE["anthropic-beta"]}
    sent = [json.loads(request["body"]) for request in requests]
    asked = agents.claude_code(messages, session)
    for body in sent:
        # What holds nothing private is what it was.
        assert body["tools"] == asked["tools"]
        assert body["system"][0] == asked["system"][0]
        assert body["metadata"] == asked["metadata"]
    histories = [body["messages"] for body in sent]
    assert all(later[:len(earlier) - 1] == earlier[:-1] for earlier, later in zip(histories, histories[1:]))
    if os.environ.get("PRIVET_DIRECT") != "1":
        assert agents.CUSTOMERS not in json.dumps(sent, ensure_ascii=False)


def test_claude_code_counts_tokens_with_its_beta_header(provider):
    body = agents.claude_code([user(text(INTRODUCTION))], "one")
    asked = {name: body[name] for name in ("model", "messages", "system", "tools")}
    headers = {**CLAUDE_CODE, "anthropic-beta": f"{CLAUDE_CODE['anthropic-beta']},token-counting-2024-11-01"}
    counted = json.loads(post("/v1/messages/count_tokens?beta=true", asked, headers))
    reply = json.loads(post("/v1/messages?beta=true", body, CLAUDE_CODE))
    assert counted["input_tokens"] == reply["usage"]["input_tokens"] > 0
    first, _ = provider.requests()
    assert first["path"] == "/v1/messages/count_tokens?beta=true"
    assert dict(first["headers"])["anthropic-beta"] == headers["anthropic-beta"]


def response(raw, is_stream):
    if not is_stream:
        return json.loads(raw)
    all_events = events(raw)
    assert [event["sequence_number"] for event in all_events] == list(range(len(all_events)))
    assert all_events[-1]["type"] == "response.completed"
    items = [event["item"] for event in all_events if event["type"] == "response.output_item.done"]
    assert items == all_events[-1]["response"]["output"]
    return all_events[-1]["response"]


def said(reply):
    parts = (part for item in reply["output"] if item["type"] == "message" for part in item["content"])
    return "".join(part["text"] for part in parts)


def turn(role, words):
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": words}]}


@BOTH
def test_codex_works_through_four_turns(provider, is_stream):
    session = str(uuid.uuid4())
    turns = [
        turn("developer", "<permissions instructions>Commands run in a sandbox.</permissions instructions>"),
        turn("user", "<environment_context>\n  <cwd>/srv/shop</cwd>\n  <shell>bash</shell>\n</environment_context>"),
        turn("user", INTRODUCTION),
    ]
    sizes = []

    def ask():
        body = agents.codex(turns, session, is_stream)
        sizes.append(len(json.dumps(body, ensure_ascii=False)))
        return response(post("/v1/responses", body, CODEX), is_stream)

    first = ask()
    [reasoning] = [item for item in first["output"] if item["type"] == "reasoning"]
    assert reasoning["encrypted_content"]
    whole(said(first), INTRODUCTION, SUPPORT)
    # The provider refuses encrypted reasoning that was changed.
    turns += [*first["output"], *agents.worked_before(), turn("user", "What did you do?")]
    whole(said(ask()), EMAIL, IBAN)
    turns.append(turn("user", ERRAND))
    calls = [item for item in ask()["output"] if item["type"] == "function_call"]
    assert [(call["name"], json.loads(call["arguments"])) for call in calls] == [
        ("send_mail", {"card": CARD, "to": BILLING, "body": ERRAND}),
    ]
    call = {name: calls[0][name] for name in ("type", "name", "arguments", "call_id")}
    turns += [call, {"type": "function_call_output", "call_id": call["call_id"], "output": RESULT}]
    whole(said(ask()), RESULT, *INTRODUCED)
    turns.append(turn("user", f"Please call shell with {EMAIL}"))
    [call] = [item for item in ask()["output"] if item["type"] == "function_call"]
    whole(call["arguments"], EMAIL)
    assert json.loads(call["arguments"])["command"] == [EMAIL]

    assert 37_000 < sizes[0] < 50_000, sizes
    requests = provider.requests()
    assert {request["path"] for request in requests} == {"/v1/responses"}
    sent = [json.loads(request["body"]) for request in requests]
    asked = agents.codex(turns, session, is_stream)
    for body in sent:
        for name in ("tools", "include", "prompt_cache_key", "reasoning", "store", "text"):
            assert body[name] == asked[name]
    histories = [body["input"] for body in sent]
    assert all(later[:len(earlier)] == earlier for earlier, later in zip(histories, histories[1:]))
