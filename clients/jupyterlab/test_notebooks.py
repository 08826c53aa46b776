"""Notebooks that Privet mended, by the format's own library; its hook in the real contents manager; its extension's parts in Python."""

import copy
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from privet_jupyterlab.scan import PrivetScan, Trouble, loopback
from tornado.web import HTTPError
from traitlets import TraitError
from traitlets.config import Config

PRIVET = os.environ["PRIVET_BIN"]
EXTENSION = Path(os.environ["PRIVET_EXTENSION"])
MAIL = "maria.lopez@brightwater-harbour.org"


def secret(number):
    """A made-up key of a made-up person, put together here so that nothing takes it for a live one."""
    letters = "Qz7Xk2Vb9Lm4Tr8Wd3Hf6Yc1Np5Js0GgAeUuRrOo"
    return "_".join(["ghp", "".join(letters[(at * 7 + number * 11 + at * at) % len(letters)] for at in range(36))])


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def notebook():
    """A secret in the second of three outputs, one in a table, a mail address in a source."""
    table = {
        "output_type": "execute_result",
        "execution_count": 2,
        "metadata": {},
        "data": {
            "text/plain": ["   token\n", f"0  {secret(2)}"],
            "text/html": f"<table><tr><th>token</th></tr><tr><td>{secret(2)}</td></tr></table>",
        },
    }
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [f"Ask {MAIL}."]},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {"tags": ["kept"]},
            "execution_count": 1,
            "source": ["show()"],
            "outputs": [stream(["one\n"]), stream(["a\n", f"token {secret(1)}\n"]), stream(["three\n"])],
        },
        {"cell_type": "code", "id": "c", "metadata": {}, "execution_count": 2, "source": ["table"], "outputs": [table]},
    ]
    return {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of one's own; nothing of the person's who runs this."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "PRIVET_SCAN_TOKEN", "PRIVET_SCAN_TOKEN_FILE", "PRIVET_SCAN_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path


def scan(folder, *arguments):
    return subprocess.run(
        [PRIVET, "scan", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def mended(folder, how):
    """The notebook before and after, which is valid."""
    path = folder / "a.ipynb"
    path.write_text(json.dumps(notebook(), indent=1) + "\n", encoding="utf-8")
    arguments = ["a.ipynb", "--category", "secret", "--fix", how, "--fail-on", "never"]
    done = scan(folder, *arguments)
    assert done.returncode == 0, done.stderr
    nbformat.validate(nbformat.read(path, nbformat.NO_CONVERT))
    text = path.read_text(encoding="utf-8")
    assert secret(1) not in text and secret(2) not in text
    again = scan(folder, *arguments)
    assert again.returncode == 0 and path.read_text(encoding="utf-8") == text
    return notebook(), json.loads(text)


def test_a_cleared_notebook_is_valid_and_lacks_the_outputs_alone(home):
    before, after = mended(home, "clear")
    del before["cells"][1]["outputs"][1]
    before["cells"][2]["outputs"] = []
    assert after == before


def test_a_redacted_notebook_is_valid_and_differs_in_the_values_alone(home):
    before, after = mended(home, "redact")
    wanted = json.dumps(before).replace(secret(1), "[redacted]").replace(secret(2), "[redacted]")
    assert after == json.loads(wanted)


@pytest.fixture
def save(home, monkeypatch):
    """Saves a notebook through the contents manager of Jupyter's server, with our hook; `on_finding` and `command` as its settings."""
    monkeypatch.setenv("PATH", f"{Path(PRIVET).parent}:{os.environ['PATH']}")
    text = scan(home, "hook", "jupyter")
    assert text.returncode == 0, text.stderr

    def save(content, on_finding="refuse", command=PRIVET):
        config = Config()
        source = text.stdout.replace('PRIVET_ON_FINDING = "refuse"', f'PRIVET_ON_FINDING = "{on_finding}"')
        source = source.replace('PRIVET_COMMAND = "privet"', f"PRIVET_COMMAND = {command!r}")
        exec(compile(source, "jupyter_server_config.py", "exec"), {"c": config})
        manager = LargeFileManager(root_dir=str(home), config=config)
        model = {"type": "notebook", "format": "json", "content": nbformat.from_dict(copy.deepcopy(content))}
        return manager.save(model, "/saved.ipynb")

    save.path = home / "saved.ipynb"
    return save


def test_a_notebook_with_a_secret_is_not_saved(save):
    with pytest.raises(HTTPError) as refused:
        save(notebook())
    assert refused.value.status_code == 400
    assert refused.value.reason.startswith("Not saved: ") and "cell 2, output 2" in refused.value.reason
    assert secret(1) not in str(refused.value) and secret(1) not in refused.value.reason
    assert not save.path.exists()


def test_a_notebook_without_a_finding_is_saved_whole(save):
    clean = notebook()
    clean["cells"] = [{**clean["cells"][1], "outputs": [stream(["one\n"])]}]
    save(clean)
    nbformat.validate(nbformat.read(save.path, nbformat.NO_CONVERT))
    assert json.loads(save.path.read_text(encoding="utf-8")) == clean


def test_a_warning_lets_it_be_saved_and_names_no_value(save, caplog):
    with caplog.at_level(logging.WARNING):
        save(notebook(), on_finding="warn")
    assert secret(1) in save.path.read_text(encoding="utf-8")
    assert secret(1) not in caplog.text and MAIL not in caplog.text


def test_nothing_is_saved_while_privet_does_not_run(save):
    with pytest.raises(HTTPError) as refused:
        save(notebook(), command="/nowhere/privet")
    assert refused.value.status_code == 500
    assert not save.path.exists()


def test_what_browsers_get_was_built_from_the_source_that_is_here():
    done = subprocess.run([sys.executable, EXTENSION / "check.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_notebooks_and_the_token_go_to_this_machine_alone():
    assert loopback("http://localhost:8789/") == loopback("http://127.0.0.1:8789") == "http://127.0.0.1:8789"
    others = [
        "http://example.com:8789",
        "http://127.0.0.1",
        "https://127.0.0.1:8789",
        "http://127.0.0.1:8789/other",
        "http://127.0.0.1:8789@example.com:80",
        "http://127.0.0.1.example.com:80",
        "http://127.0.0.1:8789?x=1",
        "http://127.0.0.1:x",
        "",
    ]
    for url in others:
        with pytest.raises(TraitError):
            PrivetScan(url=url)


def test_an_address_of_the_environment_is_held_against_the_same_rule(home, monkeypatch):
    monkeypatch.setenv("PRIVET_SCAN_URL", "http://example.com:8789")
    with pytest.raises(TraitError):
        _ = PrivetScan().url


def test_the_token_is_that_of_the_environment_or_of_the_file(home, monkeypatch):
    scan = PrivetScan()
    assert scan.token_file == str(home / "home/.local/share/privet/scan-serve.token")
    with pytest.raises(Trouble) as missing:
        scan.token()
    assert missing.value.code == "no_token"
    scan.token_file = str(home / "token")
    (home / "token").write_text("of-the-file\n", encoding="ascii")
    assert scan.token() == "of-the-file"
    monkeypatch.setenv("PRIVET_SCAN_TOKEN", " of-the-environment ")
    assert scan.token() == "of-the-environment"
