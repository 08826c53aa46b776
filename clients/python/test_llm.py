"""The command `llm`, unmodified, through the gateway (or, with PRIVET_DIRECT=1, straight to the provider)."""

import os
import pathlib
import subprocess
import sys

import pytest

from private_values import INTRODUCED, INTRODUCTION, STAND_IN


@pytest.fixture
def llm(provider, tmp_path):
    url = os.environ["PRIVET_URL"]
    models = f"- model_id: demo\n  model_name: demo-small\n  api_base: {url}/v1\n  api_key_name: privet\n"
    (tmp_path / "extra-openai-models.yaml").write_text(models, encoding="utf-8")
    command = pathlib.Path(sys.executable).parent / "llm"
    environment = {**os.environ, "LLM_USER_PATH": str(tmp_path)}

    def run(*options):
        asked = [command, "-m", "demo", "--key", os.environ["PRIVET_KEY"], "--no-log", *options, INTRODUCTION]
        return subprocess.run(asked, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout

    return run


@pytest.mark.parametrize("options", [[], ["--no-stream"]], ids=["stream", "json"])
def test_an_answer_is_whole(llm, provider, options):
    said = llm(*options)
    assert [value for value in INTRODUCED if value not in said] == []
    assert STAND_IN.findall(said) == []
    assert [request["path"] for request in provider.requests()] == ["/v1/chat/completions"]
