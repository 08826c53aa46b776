"""The command `llm`, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider)."""

import base64
import json
import os
import pathlib
import subprocess
import sys

import pytest

from private_values import BILLING, CARD, ERRAND, INTRODUCED, INTRODUCTION, PIXEL, RESULT, STAND_IN

CHAT = "/v1/chat/completions"
BOTH = pytest.mark.parametrize("options", [[], ["--no-stream"]], ids=["stream", "json"])
# `llm` runs such a function itself, with the arguments that the model gives.
FUNCTIONS = f"""
import json, pathlib

def send_mail(card: str, to: str, body: str) -> str:
    "Sends a mail."
    pathlib.Path("called.json").write_text(json.dumps([card, to, body]), encoding="utf-8")
    return {RESULT!r}
"""


@pytest.fixture
def llm(provider, tmp_path):
    url = os.environ["PRIVET_URL"]
    models = "".join(
        f"- model_id: {name}\n  model_name: {model}\n  api_base: {url}/v1\n  api_key_name: privet\n"
        f"  vision: true\n  supports_tools: true\n"
        for name, model in [("demo", "demo-small"), ("blind", "demo-blind")]
    )
    (tmp_path / "extra-openai-models.yaml").write_text(models, encoding="utf-8")
    command = pathlib.Path(sys.executable).parent / "llm"
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path)}

    def run(*options, model="demo", check=True):
        asked = [command, "-m", model, "--key", os.environ["PRIVET_KEY"], *options]
        return subprocess.run(
            asked, env=environment, cwd=tmp_path, check=check, capture_output=True, text=True, timeout=60
        )

    return run


def whole(text, *values):
    """Asserts that `values` are in `text` and no stand-in is left."""
    assert [value for value in values if value not in text] == []
    assert STAND_IN.findall(text) == []


@BOTH
def test_an_answer_is_whole(llm, provider, options):
    whole(llm("--no-log", *options, INTRODUCTION).stdout, *INTRODUCED)
    assert [request["path"] for request in provider.requests()] == [CHAT]


@BOTH
def test_a_conversation_goes_on(llm, provider, options):
    whole(llm(*options, INTRODUCTION).stdout, *INTRODUCED)
    whole(llm("-c", *options, "What else do you remember?").stdout, *INTRODUCED)
    first, second = [json.loads(request["body"])["messages"] for request in provider.requests()]
    assert second[:len(first)] == first
    assert [message["role"] for message in second] == ["user", "assistant", "user"]


@BOTH
def test_a_tool_gets_real_arguments_and_its_result_comes_back(llm, provider, options, tmp_path):
    said = llm("--no-log", *options, "--functions", FUNCTIONS, ERRAND).stdout
    called = json.loads((tmp_path / "called.json").read_text(encoding="utf-8"))
    assert called == [CARD, BILLING, ERRAND]
    whole(said, f"The tool answered: {RESULT}")
    assert [request["path"] for request in provider.requests()] == [CHAT, CHAT]


def test_an_attachment_is_refused(llm, unreached, tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(base64.b64decode(PIXEL))
    refused = llm("--no-log", "-a", str(picture), INTRODUCTION, model="blind", check=False)
    assert refused.returncode != 0
    assert refused.stdout.strip() == ""
    whole(refused.stderr)
    if os.environ.get("PRIVET_DIRECT") != "1":
        assert "image" in refused.stderr, refused.stderr
