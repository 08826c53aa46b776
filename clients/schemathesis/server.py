"""Starts `privet serve` with all that has an address of its own, a key that may do everything, and somebody who is signed in."""

import os
import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import requests

from local_gateway import free_port, wait_until

SETTINGS = """
listen = "{listen}"
policy = "policy.toml"
[keys]
root = {{ file = "root.key" }}
[store]
path = "privet.sqlite"
spool = "spool"
[keyring]
path = "keyring.sqlite"
[limits]
# Nothing that is generated needs longer; what would is a fault.
detect_deadline = "10s"
[sign_in]
origin = "http://{listen}"
[vault]
enabled = true
"""

POLICY = """
[access]
# The administrator of this run has a password alone.
password_only_roles = ["admin", "security", "privacy_officer", "user"]
[[notices]]
id = "rules"
text = { en = "Be kind." }
"""

PROVIDER = """
# A gateway has a provider; nothing is asked of this one.
[[providers]]
name = "nobody"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"
[[models]]
match = "*"
provider = "nobody"
"""

SCOPES = (
    "gateway", "vault", "metrics", "watch.read", "watch.manage", "kill", "key.read", "key.manage", "people.read", "people.manage",
)
# What an administrator may who looks after everything.
ROLES = ("admin", "security", "privacy_officer")


@dataclass(frozen=True)
class Gateway:
    """Where it is, a key, and the headers of a browser whose person is signed in."""

    url: str
    key: str = field(repr=False)
    session: dict = field(repr=False)
    log: Path
    # What stands in the parameters of addresses, by their name.
    known: dict


def sign_in(url, privet):
    """The headers of a browser in which an administrator has signed in."""
    privet("user", "create", "ann", *(part for role in ROLES for part in ("--role", role)))
    code = privet("user", "invite", "ann").split()[-1]
    password = secrets.token_urlsafe(20)
    accepted = {"code": code, "password": password}
    wait_until("the invite", lambda: requests.post(f"{url}/api/v1/invites/accept", json=accepted, timeout=10).ok)
    opened = requests.post(f"{url}/api/v1/sessions", json={"name": "ann", "password": password}, timeout=10)
    opened.raise_for_status()
    cookie = opened.headers["set-cookie"].split(";")[0]
    csrf = opened.json()["csrf_token"]
    return {"cookie": cookie, "x-privet-csrf": csrf, "origin": url}


def furnish(url, session):
    """Makes one of everything that addresses name, by the administrator's session."""

    def post(path, body):
        made = requests.post(f"{url}/api/v1/{path}", json=body, headers=session, timeout=10)
        made.raise_for_status()
        return made.json()

    for path, name in (("people", "bob"), ("services", "crm"), ("groups", "lab")):
        post(path, {"name": name})
    key = post("keys", {"name": "bob", "scopes": ["gateway"]})
    incident = post("incidents", {"title": "A laptop is lost", "kind": "lost_device"})
    return {"people": "bob", "services": "crm", "groups": "lab", "keys": key["record"]["id"], "incidents": incident["id"]}


def start(folder: Path):
    """Yields a `Gateway` whose files lie in `folder`, and stops it afterwards."""
    binary = Path(os.environ["PRIVET_BIN"]).resolve()
    listen = f"127.0.0.1:{free_port()}"
    url = f"http://{listen}"
    config = folder / "privet.toml"
    config.write_text(SETTINGS.format(listen=listen) + PROVIDER)
    (folder / "policy.toml").write_text(POLICY)

    def privet(*arguments):
        command = [binary, *arguments, "--config", config]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"`privet {' '.join(arguments)}` failed:\n{done.stderr}")
        return done.stdout

    log = folder / "privet.log"
    with log.open("w") as sink:
        process = subprocess.Popen([binary, "serve", "--config", config], cwd=folder, stdout=sink, stderr=sink)
        try:
            wait_until("starting", lambda: requests.get(f"{url}/readyz", timeout=2).status_code == 200)
            scopes = [part for scope in SCOPES for part in ("--scope", scope)]
            key = privet("key", "create", "--name", "everything", *scopes).split()[-1]
            headers = {"authorization": f"Bearer {key}"}
            wait_until("the new key", lambda: requests.get(f"{url}/api/v1/limits", timeout=2, headers=headers).ok)
            session = sign_in(url, privet)
            yield Gateway(url=url, key=key, session=session, log=log, known=furnish(url, session))
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
