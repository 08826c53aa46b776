"""Starts `privet serve` with a vault, and makes the keys and tenants that the suite needs.

Everything here that names a setting, a command or an address of Privet is between two lines that say so. Nothing outside
this file knows any of it.

With PRIVET_VAULT_URL set, nothing is started; see `from_environment`.
"""

import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from local_gateway import free_port

START_SECONDS = 60
COMMAND_SECONDS = 60


@dataclass(frozen=True)
class Vault:
    """A running vault.

    `key` and `other_key` may do everything in `tenant` and `other_tenant`. `approver_key` is of another person of
    `tenant`, who may approve unlocks and requests. `approve` lets that person approve an unlock.
    """

    url: str
    tenant: str
    key: str
    approver_key: str
    other_tenant: str
    other_key: str
    approve: object


def from_environment():
    """A vault that somebody else started: where it is, who may, and the command that approves an unlock.

    PRIVET_VAULT_APPROVE is run with the unlock's uuid as its last argument.
    """
    command = shlex.split(os.environ["PRIVET_VAULT_APPROVE"])
    return Vault(
        url=os.environ["PRIVET_VAULT_URL"].rstrip("/"),
        tenant=os.environ["PRIVET_VAULT_TENANT"],
        key=os.environ["PRIVET_VAULT_KEY"],
        approver_key=os.environ["PRIVET_VAULT_APPROVER_KEY"],
        other_tenant=os.environ["PRIVET_VAULT_OTHER_TENANT"],
        other_key=os.environ["PRIVET_VAULT_OTHER_KEY"],
        approve=lambda uuid: subprocess.run([*command, uuid], check=True, timeout=COMMAND_SECONDS),
    )


# ---------------------------------------------------------------- what names something of Privet: from here

# A gateway has a provider; nothing is asked of this one.
SETTINGS = """
listen = "{gateway}"

[keys]
root = {{ file = "root.key" }}

[store]
path = "privet.sqlite"
spool = "spool"

[keyring]
path = "keyring.sqlite"

[vault]
enabled = true
listen = "{vault}"

[vault.databunker]
enabled = true

[[providers]]
name = "nobody"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"

[[models]]
match = "*"
provider = "nobody"
"""

READY = "/v1/status"
TENANTS = ("acme", "globex")


def make_key(privet, name, tenant):
    """A key for X-Bunker-Token, of the principal `name`, who may do everything with the vault of `tenant`.

    A tenant comes to be with its first key.
    """
    return privet("key", "create", "--name", name, "--tenant", tenant, "--scope", "vault").split()[-1]


def approve_unlock(url, key, uuid):
    """The owner of `key` approves the unlock `uuid`."""
    answer = requests.post(
        f"{url}/api/v1/vault/bulk-reads/{uuid}/approve", headers={"authorization": f"Bearer {key}"}, timeout=10
    )
    answer.raise_for_status()


# ---------------------------------------------------------------- what names something of Privet: to here


def wait_until_ready(url, process, log):
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            if requests.get(url, timeout=2).status_code == 200:
                return
        except requests.RequestException:
            pass
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the vault does not answer at {url}; end of its log:\n{log.read_text()[-4000:]}")
        time.sleep(0.1)


def start(folder: Path):
    """Yields a `Vault` whose files lie in `folder`, and stops it afterwards."""
    binary = Path(os.environ["PRIVET_BIN"]).resolve()
    gateway, vault = (f"127.0.0.1:{free_port()}" for _ in range(2))
    config = folder / "privet.toml"
    config.write_text(SETTINGS.format(gateway=gateway, vault=vault))
    url = f"http://{vault}"

    def privet(*arguments):
        command = [binary, *arguments, "--config", config]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"`privet {' '.join(arguments)}` failed:\n{done.stderr}")
        return done.stdout

    log = folder / "privet.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            [binary, "serve", "--config", config], cwd=folder, stdout=sink, stderr=subprocess.STDOUT
        )
        try:
            wait_until_ready(url + READY, process, log)
            ours, theirs = TENANTS
            approver_key = make_key(privet, "approver", ours)
            yield Vault(
                url=url,
                tenant=ours,
                key=make_key(privet, "officer", ours),
                approver_key=approver_key,
                other_tenant=theirs,
                other_key=make_key(privet, "stranger", theirs),
                approve=lambda uuid: approve_unlock(url, approver_key, uuid),
            )
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
