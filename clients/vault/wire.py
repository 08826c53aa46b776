"""Plain HTTP for what the client does not show: paths, statuses, headers, forms of bodies."""

import time
from urllib.parse import quote

import requests

DEADLINE = 20


class Wire:
    """Calls a vault as the owner of `key`, or as nobody, with or without a tenant."""

    def __init__(self, url, key=None, tenant=None):
        self.url = url
        self.headers = {}
        if key is not None:
            self.headers["X-Bunker-Token"] = key
        if tenant is not None:
            self.headers["X-Bunker-Tenant"] = tenant

    def call(self, method, *parts, json=None, form=None, body=None, headers=None, **query):
        """`method` on the path of `parts`, each percent-encoded. One of `json`, `form`, `body`, or none."""
        path = "/".join(quote(str(part), safe="") for part in parts)
        return requests.request(
            method,
            f"{self.url}/{path}",
            params=query,
            json=json,
            data=form if form is not None else body,
            headers={**self.headers, **(headers or {})},
            timeout=30,
            allow_redirects=False,
        )

    def get(self, *parts, **rest):
        return self.call("GET", "v1", *parts, **rest)

    def post(self, *parts, **rest):
        return self.call("POST", "v1", *parts, **rest)

    def put(self, *parts, **rest):
        return self.call("PUT", "v1", *parts, **rest)

    def delete(self, *parts, **rest):
        return self.call("DELETE", "v1", *parts, **rest)

    def v2(self, name, **body):
        return self.call("POST", "v2", name, json=body)


def ok(answer):
    """The body of an answer that says that all went well."""
    assert answer.status_code == 200, (answer.status_code, answer.text)
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    body = answer.json()
    assert body["status"] == "ok", body
    return body


def refused(answer, *statuses):
    """The message of a refusal, in the one shape that refusals have."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    body = answer.json()
    assert body["status"] == "error", body
    assert set(body) == {"status", "message"}, body
    assert isinstance(body["message"], str) and body["message"], body
    return body["message"]


def good(answer):
    """The answer of a client's method, which says that all went well."""
    assert answer["status"] == "ok", answer
    return answer


def bad(answer):
    """The message of a client's method that was refused."""
    assert answer["status"] == "error" and answer["message"], answer
    return answer["message"]


def eventually(what):
    """Asks `what()` until it holds; time in the vault passes by itself."""
    end = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < end, f"not within {DEADLINE} s"
        time.sleep(0.2)
