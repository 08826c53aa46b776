import json
import os

import pytest

from private_values import leaks

DIRECT = os.environ.get("PRIVET_DIRECT") == "1"


class Recorded:
    """What the provider got since the test began."""

    def __init__(self, path):
        self.path = path
        self.start = os.path.getsize(path)

    def requests(self):
        with open(self.path, encoding="utf-8") as file:
            file.seek(self.start)
            return [json.loads(line) for line in file]


@pytest.fixture
def provider():
    """Fails the test if a private value reached the provider."""
    recorded = Recorded(os.environ["PRIVET_RECORDING"])
    yield recorded
    if not DIRECT:
        assert leaks(recorded.requests()) == []


@pytest.fixture
def unreached(provider):
    """Fails the test if anything reached the provider."""
    yield provider
    if not DIRECT:
        assert provider.requests() == []


@pytest.fixture
def seeing():
    """The address of a gateway whose policy lets images pass unseen, and a key for it."""
    return os.environ["PRIVET_SEEING_URL"], os.environ["PRIVET_SEEING_KEY"]


@pytest.fixture
def guarded():
    """The address of a gateway whose policy has guardrails, and a key for it."""
    return os.environ["PRIVET_GUARDED_URL"], os.environ["PRIVET_GUARDED_KEY"]
