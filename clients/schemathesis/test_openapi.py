"""Schemathesis asks every address in Privet's OpenAPI document, and holds the answers to it.

The seed is fixed, so that a failure comes again; SCHEMATHESIS_EXAMPLES asks more of each address than CI does.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import server

SEED = "20261129"
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "8")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# Of those who have signed in.
SESSION = r"^/api/v1/(me|sessions|invites)(/|$)"
# They would end the session that asks.
ENDS_ALL = r"^/api/v1/me/(sign_out|password)$"
# Presidio says 500 to recognisers that it cannot use, and so does Privet in its place (docs/presidio.md).
PRESIDIO_500 = "/analyze"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    yield from server.start(tmp_path_factory.mktemp("gateway"))


def run(gateway, folder, headers, *options, checks=CHECKS):
    """Schemathesis's command, unmodified, on the document that the gateway serves."""
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{gateway.url}/api/v1/openapi.json",
        "--checks", ",".join(checks), "--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none",
        "--phases", "examples,coverage,fuzzing", "--workers", "2", "--request-timeout", "20", "--no-shrink",
        "--suppress-health-check", "all", "--no-color", "--warnings", "off", "--continue-on-failure",
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
    tested = re.search(r"(\d+) (?:selected|tested)", text) or re.search(r"Operations:\s+(\d+)", text)
    assert done.returncode == 0, gateway.log.read_text()[-2000:]
    assert tested and int(tested.group(1)) > 0, "nothing was asked"


def test_a_key_that_may_do_everything(gateway, tmp_path):
    headers = {"authorization": f"Bearer {gateway.key}"}
    run(gateway, tmp_path, headers, "--exclude-path-regex", SESSION, "--exclude-path", PRESIDIO_500)


def test_presidios_analyzer_but_for_the_status_that_presidio_has(gateway, tmp_path):
    headers = {"authorization": f"Bearer {gateway.key}"}
    run(gateway, tmp_path, headers, "--include-path", PRESIDIO_500, checks=CHECKS[1:])


def test_nobody_in_particular(gateway, tmp_path):
    run(gateway, tmp_path, {}, "--exclude-path", PRESIDIO_500)


def test_somebody_who_is_signed_in(gateway, tmp_path):
    run(gateway, tmp_path, gateway.session, "--include-path-regex", SESSION, "--exclude-path-regex", ENDS_ALL)
