"""What a program that was written for Presidio's REST services does, at the gateway's address: only the URL has changed."""

import json
import os
import urllib.error
import urllib.request

import pytest

from private_values import CARD, EMAIL

URL = os.environ["PRIVET_URL"]
KEY = os.environ["PRIVET_KEY"]

pytestmark = pytest.mark.skipif(os.environ.get("PRIVET_DIRECT") == "1", reason="the provider is no Presidio")


def call(path, body=None, key=KEY):
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = "Bearer " + key
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, headers), timeout=30) as reply:
        return json.load(reply)


def test_results_of_the_analyzer_fit_python_strings_and_the_anonymizer(unreached):
    text = f"😀 漢字 {EMAIL} paid with {CARD}"
    found = call("/analyze", {"text": text, "language": "en", "entities": ["EMAIL_ADDRESS", "CREDIT_CARD"]})
    assert {(r["entity_type"], text[r["start"]:r["end"]]) for r in found} == {
        ("EMAIL_ADDRESS", EMAIL), ("CREDIT_CARD", CARD),
    }
    key = "WmZq4t7w!z%C&F)J"
    made = call("/anonymize", {
        "text": text, "analyzer_results": found,
        "anonymizers": {"DEFAULT": {"type": "encrypt", "key": key}},
    })
    assert EMAIL not in made["text"] and CARD not in made["text"]
    for item in made["items"]:
        assert made["text"][item["start"]:item["end"]] == item["text"]
    back = call("/deanonymize", {
        "text": made["text"], "anonymizer_results": made["items"],
        "deanonymizers": {"DEFAULT": {"type": "decrypt", "key": key}},
    })
    assert back["text"] == text


def test_there_are_lists(unreached):
    assert "CREDIT_CARD" in call("/supportedentities?language=en")
    assert "CreditCardRecognizer" in call("/recognizers?language=en")
    assert {"replace", "redact", "mask", "hash", "encrypt", "keep"} <= set(call("/anonymizers"))


def test_errors_are_read_where_presidio_writes_them(unreached):
    with pytest.raises(urllib.error.HTTPError) as missing:
        call("/analyze", {"language": "en"})
    assert missing.value.code == 500
    assert json.load(missing.value)["error"] == "No text provided"
    with pytest.raises(urllib.error.HTTPError) as keyless:
        call("/deanonymize", {"text": "x"}, key=None)
    assert keyless.value.code == 401
    assert "error" in json.load(keyless.value)
