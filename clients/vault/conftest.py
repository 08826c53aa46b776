import os

import pytest
from databunkerpro import DatabunkerproAPI

import server
from people import name, person
from wire import Wire, ok


@pytest.fixture(scope="session")
def vault(tmp_path_factory):
    if "PRIVET_VAULT_URL" in os.environ:
        yield server.from_environment()
    else:
        yield from server.start(tmp_path_factory.mktemp("vault"))


@pytest.fixture(scope="session")
def api(vault):
    """The unmodified client, as somebody who may do everything in their tenant."""
    return DatabunkerproAPI(vault.url, vault.key, vault.tenant)


@pytest.fixture(scope="session")
def approver(vault):
    """The client of another person of the same tenant."""
    return DatabunkerproAPI(vault.url, vault.approver_key, vault.tenant)


@pytest.fixture(scope="session")
def stranger(vault):
    """The client of somebody who may do everything in another tenant."""
    return DatabunkerproAPI(vault.url, vault.other_key, vault.other_tenant)


@pytest.fixture(scope="session")
def anybody(vault):
    """The client of somebody without a key."""
    return DatabunkerproAPI(vault.url, "", vault.tenant)


@pytest.fixture(scope="session")
def http(vault):
    return Wire(vault.url, vault.key)


@pytest.fixture(scope="session")
def stranger_http(vault):
    return Wire(vault.url, vault.other_key)


@pytest.fixture(scope="session")
def approver_http(vault):
    return Wire(vault.url, vault.approver_key)


@pytest.fixture(scope="session")
def anybody_http(vault):
    return Wire(vault.url, tenant=vault.tenant)


@pytest.fixture
def profile():
    return person()


@pytest.fixture
def token(http, profile):
    """The token of the person whom `profile` is about, who is in the vault."""
    return ok(http.post("user", json=profile))["token"]


@pytest.fixture
def basis(http):
    """The name of an active legal basis, of consent."""
    brief = name("basis-")
    ok(http.post("lbasis", brief, json={"shortdesc": "news by mail", "basistype": "consent"}))
    return brief


@pytest.fixture
def unlock(api, vault):
    """Opens bulk reads: asked for by one person, approved by another."""

    def opened():
        uuid = api.bulk_list_unlock()["unlockuuid"]
        vault.approve(uuid)
        return uuid

    return opened
