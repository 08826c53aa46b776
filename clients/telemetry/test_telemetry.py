"""What `privet serve` tells a collector, read by the official messages of OTLP."""

import json
import os
import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from local_gateway import free_port, wait_until

EMAIL = "ada.lovelace@example.com"
CARD = "4111 1111 1111 1111"
NAME = "Ada Lovelace"

SETTINGS = """
listen = "127.0.0.1:{port}"
[keys]
root = {{ file = "root.key" }}
[store]
path = "privet.sqlite"
spool = "spool"
[log]
access = true
[telemetry]
endpoint = "http://127.0.0.1:{collector}/otlp"
headers = {{ x-scope = {{ env = "COLLECTOR_SCOPE" }} }}
interval = "100ms"
[[providers]]
name = "local"
dialect = "openai"
base_url = "http://127.0.0.1:{provider}/v1"
[[models]]
match = "*"
provider = "local"
"""


class Server:
    """Answers every POST by `answer(path, body)`, and remembers what it was sent."""

    def __init__(self, kind, answer):
        self.seen = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                seen.append((self.path, dict(self.headers.items()), body))
                reply = answer(body)
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def chat_reply(body):
    said = json.loads(body)["messages"][-1]["content"]
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 21, "completion_tokens": 8, "total_tokens": 29}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the collector was sent of two prompts: one that is answered, and one of a stranger."""
    folder = tmp_path_factory.mktemp("gateway")
    provider, collector = Server("application/json", chat_reply), Server("application/x-protobuf", lambda _: b"")
    port = free_port()
    config = folder / "privet.toml"
    config.write_text(SETTINGS.format(port=port, collector=collector.port, provider=provider.port))
    binary = Path(os.environ["PRIVET_BIN"]).resolve()
    environment = {**os.environ, "COLLECTOR_SCOPE": "tenant-1"}
    log = folder / "privet.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            [binary, "serve", "--config", config], cwd=folder, stdout=sink, stderr=sink, env=environment
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until("starting", lambda: requests.get(f"{url}/readyz", timeout=2).status_code == 200)
            made = subprocess.run(
                [binary, "key", "create", "--config", config, "--name", "ann"],
                cwd=folder, capture_output=True, text=True, timeout=60, check=True, env=environment,
            )
            key = made.stdout.split()[-1]
            headers = {"authorization": f"Bearer {key}"}
            known = lambda: requests.get(f"{url}/api/v1/limits", timeout=2, headers=headers).status_code == 200
            wait_until("the new key", known)
            prompt = {"model": "gpt-x", "messages": [{"role": "user", "content": f"{NAME}, {EMAIL}, {CARD}"}]}
            answer = requests.post(f"{url}/v1/chat/completions", json=prompt, headers=headers, timeout=30)
            assert answer.status_code == 200 and EMAIL in answer.text, answer.text
            stranger = {"authorization": f"Bearer {EMAIL}"}
            assert requests.post(f"{url}/v1/chat/completions", json=prompt, headers=stranger, timeout=30).status_code == 401
        finally:
            # What is left is sent at the end.
            process.terminate()
            process.wait(timeout=60)
    assert process.returncode == 0, log.read_text()[-4000:]
    assert provider.seen and EMAIL.encode() not in provider.seen[0][2]
    return collector.seen, key, answer.headers["x-privet-request-id"]


def read(seen, path, message):
    """The messages that came to `path`."""
    found = []
    for at, headers, body in seen:
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["x-scope"] == "tenant-1"
        if at == path:
            found.append(message.FromString(body))
    return found


def assert_all_known(message):
    """No field of it is one that the official messages do not have."""
    assert len(UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in value if field.is_repeated else [value]:
            assert_all_known(inner)


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def test_a_prompt_is_one_trace(told):
    seen, _, request_id = told
    exports = read(seen, "/otlp/v1/traces", ExportTraceServiceRequest)
    assert exports
    spans = []
    for export in exports:
        assert_all_known(export)
        for of_resource in export.resource_spans:
            resource = attributes(of_resource.resource.attributes)
            assert resource["service.name"] == "privet" and re.fullmatch("[0-9a-f]{16}", resource["service.instance.id"])
            for of_scope in of_resource.scope_spans:
                assert of_scope.scope.name == "privet"
                spans.extend(of_scope.spans)
    ours = [span for span in spans if span.trace_id.hex() == request_id]
    [root] = [span for span in ours if span.kind == Span.SPAN_KIND_SERVER]
    assert root.name == "POST /v1/chat/completions" and not root.parent_span_id
    assert all(span.parent_span_id == root.span_id for span in ours if span is not root)
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in ours)
    said = attributes(root.attributes)
    assert said["http.response.status_code"] == 200 and said["privet.found.EMAIL_ADDRESS"] == 1
    assert abs(root.start_time_unix_nano / 1e9 - time.time()) < 600
    [asked] = [span for span in ours if span.kind == Span.SPAN_KIND_CLIENT]
    assert asked.name == "chat gpt-x"
    said = attributes(asked.attributes)
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (21, 8)
    [refused] = [span for span in spans if span.kind == Span.SPAN_KIND_SERVER and span is not root]
    assert refused.status.code == Status.STATUS_CODE_ERROR
    assert attributes(refused.attributes)["error.type"] == "invalid_api_key"


def test_the_log_comes_as_well_and_names_the_trace(told):
    seen, _, request_id = told
    lines = []
    for export in read(seen, "/otlp/v1/logs", ExportLogsServiceRequest):
        assert_all_known(export)
        for of_resource in export.resource_logs:
            for of_scope in of_resource.scope_logs:
                lines.extend(of_scope.log_records)
    by_text = {line.body.string_value: line for line in lines}
    assert {"listening", "answered", "refused"} <= set(by_text)
    answered = by_text["answered"]
    assert answered.trace_id.hex() == request_id and answered.severity_text == "INFO"
    assert attributes(answered.attributes)["status"] == 200


def test_nothing_private_is_told(told):
    seen, key, _ = told
    everything = b"".join(body for _, _, body in seen).decode("utf-8", "replace").lower()
    for secret in (EMAIL, CARD, "4111", NAME, "lovelace", key):
        assert secret.lower() not in everything
