"""Schemathesis asks every address in Privet's OpenAPI document, and holds the answers to it.

The seed is fixed, so that a failure comes again; SCHEMATHESIS_EXAMPLES asks more of each address than CI does.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

import server

SEED = "20261129"
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "4")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# What administrators look after, with and without a session.
ADMINISTRATION = (
    r"^/api/v1/(keys|people|services|groups|roles|access_review|tokens|me/notices|incidents|alerts|coaching|kill-switches)(/|$)"
)
MANY = "10"
# How many of its operations are answered with success, at least: where names are made up, and where they are known.
ADMINISTERED = (14, 22)
# Of those who have signed in.
SESSION = r"^/api/v1/(me|sessions|invites)(/|$)"
# They would end the session that asks.
ENDS_ALL = r"^/api/v1/me/(sign_out|password)$"
# What needs no key. (A share is read by whoever has its link.)
FOR_EVERYBODY = {("GET", path) for path in ("/", "/health", "/healthz", "/readyz")} | {
    ("POST", "/api/v1/sessions/passkey/options"),
    ("GET", "/api/v1/sessions/oidc"),
}
# How many operations a key that may do everything is answered with success, at least.
MOST_OFTEN_GOOD = 45
# Presidio says 500 to recognisers that it cannot use, and so does Privet in its place (docs/presidio.md).
PRESIDIO_500 = "/analyze"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    yield from server.start(tmp_path_factory.mktemp("gateway"))


@pytest.fixture
def own_gateway(tmp_path_factory):
    """One that the test may turn upside down: a kill switch for all ends what the others look at."""
    yield from server.start(tmp_path_factory.mktemp("own"))


def with_known(gateway, folder):
    """Schemathesis's settings in which parameters of addresses are names of what is there."""
    known = gateway.known
    lines = []
    for path, names in (
        ("people", {"name": known["people"], "role": "user"}),
        ("services", {"name": known["services"], "role": "user"}),
        ("groups", {"name": known["groups"], "role": "user", "member": known["people"]}),
        ("keys", {"id": known["keys"]}),
        ("incidents", {"id": known["incidents"]}),
        ("me/notices", {"id": "rules"}),
    ):
        values = ", ".join(f'"path.{name}" = "{value}"' for name, value in names.items())
        lines.append(f"[[operations]]\ninclude-path-regex = '^/api/v1/{path}/'\nparameters = {{ {values} }}\n")
    (folder / "schemathesis.toml").write_text("\n".join(lines), encoding="utf-8")


def run(gateway, folder, headers, *options, checks=CHECKS):
    """Schemathesis's command, unmodified, on the document that the gateway serves."""
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{gateway.url}/api/v1/openapi.json",
        "--checks", ",".join(checks), "--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none",
        # One worker: with more, Python 3.11 mixes up the depths of their syntax trees (`SystemError` in `ast.parse`).
        "--phases", "examples,coverage,fuzzing", "--workers", "1", "--request-timeout", "20", "--no-shrink",
        "--suppress-health-check", "all", "--no-color", "--warnings", "off", "--continue-on-failure",
        # Who asks is said by the headers, and by nothing that is made up.
        "--generation-with-security-parameters", "false", "--report", "har", "--report-har-path", "all.har",
    ]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run(
        [*command, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500
    )
    text = done.stdout.replace(gateway.key, "KEY")
    for value in gateway.session.values():
        text = text.replace(value, "SESSION")
    print(text[-20000:])
    assert done.returncode == 0, "see above"
    return succeeded(folder / "all.har", requests.get(f"{gateway.url}/api/v1/openapi.json", timeout=10).json())


def succeeded(har, document):
    """The operations of the document that were answered with success: their answers were held to it."""
    patterns = {path: re.compile(re.sub(r"\\{[^}]*\\}", "[^/]*", re.escape(path)) + "$") for path in document["paths"]}
    found = set()
    for entry in json.loads(har.read_text())["log"]["entries"]:
        if not 200 <= entry["response"]["status"] < 300:
            continue
        path = urlsplit(entry["request"]["url"]).path
        exact = [path] if path in patterns else [known for known, pattern in patterns.items() if pattern.match(path)]
        found.update((entry["request"]["method"], known) for known in exact[:1])
    return found


def test_a_key_that_may_do_everything(gateway, tmp_path):
    headers = {"authorization": f"Bearer {gateway.key}"}
    good = run(gateway, tmp_path, headers, "--exclude-path-regex", SESSION, "--exclude-path", PRESIDIO_500)
    print(f"{len(good)} operations were answered with success")
    assert len(good) >= MOST_OFTEN_GOOD, sorted(good)


def test_presidios_analyzer_but_for_the_status_that_presidio_has(gateway, tmp_path):
    headers = {"authorization": f"Bearer {gateway.key}"}
    assert run(gateway, tmp_path, headers, "--include-path", PRESIDIO_500, checks=CHECKS[1:])


@pytest.mark.parametrize("names", ["made_up", "known"])
def test_an_administrator_who_is_signed_in(own_gateway, tmp_path, names):
    options = ["--include-path-regex", ADMINISTRATION, "--max-examples", MANY]
    if names == "known":
        with_known(own_gateway, tmp_path)
        options += ["--phases", "fuzzing"]
    good = run(own_gateway, tmp_path, own_gateway.session, *options)
    print(f"{len(good)} operations of administration were answered with success")
    assert len(good) >= ADMINISTERED[names == "known"], sorted(good)


def test_nobody_in_particular(gateway, tmp_path):
    good = run(gateway, tmp_path, {}, "--phases", "fuzzing", "--max-examples", "2")
    assert good <= FOR_EVERYBODY, good - FOR_EVERYBODY


def test_somebody_who_is_signed_in(gateway, tmp_path):
    good = run(gateway, tmp_path, gateway.session, "--include-path-regex", SESSION, "--exclude-path-regex", ENDS_ALL)
    assert {("GET", "/api/v1/me"), ("GET", "/api/v1/sessions"), ("POST", "/api/v1/me/totp")} <= good, good
