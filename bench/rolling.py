#!/usr/bin/env python3
"""An upgrade node by node, under load, with two programs: `--old` and `--new`. Afterwards, with `--faults`, each part lost for long.

    bench/rolling.py --old ~/privet-1 --new target/release/privet
    bench/rolling.py --old-commit f4e3a78 --new target/release/privet --faults

Starts a PostgreSQL (`.ci/postgres start`) and a Valkey of its own, a provider that records what it is sent, and two nodes of the old
program. While callers ask without end, each node is taken out of service, ended and started again as the new program; then one goes back
to the old one, if the old one starts. Asserted: no request fails, each caller has one stand-in all along, nothing private reaches the
provider, every answered request stands in the audit log once, and `privet audit verify` agrees. Printed, too: how long a revocation and a
kill switch take to every node. Exit status: 0 all of it holds, 1 something does not, 2 it cannot be tried.
"""

import argparse
import collections
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
#: Longest wait for what is bound to come, in seconds.
PATIENCE = 120


class CannotTry(Exception):
    """Usage or environment."""


class Provider(http.server.BaseHTTPRequestHandler):
    """Says what it was told, and remembers each prompt once."""

    protocol_version = "HTTP/1.1"
    prompts = collections.Counter()
    lock = threading.Lock()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        text = json.loads(body)["messages"][-1]["content"]
        with Provider.lock:
            Provider.prompts[text] += 1
        message = {"role": "assistant", "content": f"You wrote: {text}"}
        reply = json.dumps({
            "id": "x", "object": "chat.completion", "created": 0, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Says nothing of gateways that hang up."""

    def handle_error(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, holds, patience=PATIENCE):
    """Seconds until `holds()` is true."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > patience:
            raise AssertionError(f"{what}: not within {patience} s")
        time.sleep(0.02)
    return time.monotonic() - begun


class Node:
    """A folder with settings, and the program that serves from it."""

    def __init__(self, folder, files):
        self.folder, self.port, self.process = folder, free_port(), None
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text.replace("PORT", str(self.port)))

    def run(self, program, *arguments):
        return subprocess.run([program, *arguments], cwd=self.folder, env={}, capture_output=True, text=True)

    def fine(self, program, *arguments):
        done = self.run(program, *arguments)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(arguments)}: {done.returncode} {done.stderr.strip()}")
        return done.stdout

    def start(self, program):
        """Whether it got ready; if it ended instead, why."""
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([program, "serve"], cwd=self.folder, env={}, stdout=log, stderr=log)
        until("ready", lambda: self.process.poll() is not None or self.get("/readyz")[0] == 200)
        if self.process.poll() is None:
            return True, ""
        lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        return False, lines[-1] if lines else ""

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(PATIENCE) != 0:
            raise AssertionError(f"a node ended with {self.process.returncode}")

    def ask(self, method, target, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, target, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.read().decode(), reply.headers.get("x-privet-request-id", "")
        finally:
            connection.close()

    def get(self, target):
        try:
            return self.ask("GET", target)
        except OSError:
            return 0, "", ""

    def chat(self, key, text):
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        return self.ask("POST", "/v1/chat/completions", headers, body)


class Load:
    """Callers that ask without end, by way of the nodes in service."""

    def __init__(self, nodes, key, callers):
        self.in_service, self.key, self.failed, self.answered = list(nodes), key, [], []
        self.is_over = False
        self.threads = [threading.Thread(target=self.call, args=(number,), daemon=True) for number in range(callers)]
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    @staticmethod
    def private(number):
        return f"caller.number{number}@example.com"

    def call(self, number):
        turn = number
        while not self.is_over:
            nodes = list(self.in_service)
            node, turn = nodes[turn % len(nodes)], turn + 1
            begun = time.monotonic()
            try:
                status, text, request = node.chat(self.key, f"I am {self.private(number)}, good morning.")
            except ConnectionRefusedError:
                # As a load balancer does: nothing was sent.
                continue
            except (OSError, http.client.HTTPException) as error:
                status, text, request = 0, repr(error), ""
            if status == 200 and self.private(number) in text:
                self.answered.append((begun - self.began, time.monotonic() - begun, request))
            else:
                self.failed.append((begun - self.began, time.monotonic() - begun, status, text[:200]))
            time.sleep(0.01)

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()


def requests_in(log):
    """How often each request stands in the log."""
    found = collections.Counter()
    for line in log.splitlines():
        found.update(set(re.findall(r'"request_id": ?"([0-9a-f]{32})"', line)))
    return found


def check(program, node, load, callers):
    """What must hold of what was done so far."""
    wanted = collections.Counter(request for _, _, request in load.answered)
    found = {}

    def is_whole():
        nonlocal found
        found = requests_in(node.fine(program, "audit", "tail", "--from", "0", "--format", "jsonl"))
        return all(request in found for request in wanted)

    until("all requests in the audit log", is_whole)
    twice = [request for request in wanted if found[request] != 1]
    assert not twice, f"{len(twice)} requests stand in the log more than once"
    (node.folder / "log.pub").write_text(node.fine(program, "audit", "key"))
    shutil.rmtree(node.folder / "exported", ignore_errors=True)
    node.fine(program, "audit", "export", "exported")
    node.fine(program, "audit", "verify", "exported", "--key", "log.pub")
    prompts = [prompt for prompt in Provider.prompts if "good morning" in prompt]
    assert len(prompts) == callers, f"{len(prompts)} prompts of {callers} callers: stand-ins changed"
    assert not any("@example.com" in prompt for prompt in Provider.prompts), "something private got out"
    print(f"  {len(load.answered)} requests answered, {len(load.failed)} not; all of them in the log once; log verified", flush=True)


def replace(load, nodes, number, program):
    """Node `number` out of service, ended, started as `program`, and back in service if it starts."""
    node = nodes[number]
    load.in_service = [other for other in nodes if other is not node]
    time.sleep(1)
    node.stop()
    started, why = node.start(program)
    if started:
        load.in_service = list(nodes)
    return started, why


def reach(program, nodes, key):
    """Seconds until a kill switch, and a revocation, has reached every node."""
    all_refuse = lambda key: all(node.chat(key, "hello")[0] == 403 for node in nodes)
    nodes[0].fine(program, "kill", "on", "principal", "bob", "--reason", "a test")
    bob = nodes[0].fine(program, "key", "create", "--name", "bob").strip()
    switch = until("the switch", lambda: all_refuse(bob))
    cal = nodes[0].fine(program, "key", "create", "--name", "cal").strip()
    for node in nodes:
        assert node.chat(cal, "hello")[0] == 200
    keys = [json.loads(line) for line in nodes[0].fine(program, "key", "list", "--format", "jsonl").splitlines()]
    nodes[0].fine(program, "key", "revoke", next(one["id"] for one in keys if "cal" in one.values()))
    revoked = until("the revocation", lambda: all_refuse(cal))
    print(f"  a switch reached both nodes {switch:.2f} s after its command ended, a revocation {revoked:.2f} s", flush=True)


def family(process):
    """A process and all that it started."""
    children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(one for child in children for one in family(int(child)))]


def lose(what, members, nodes, load, seconds):
    """Stops a part for `seconds` where it is; what callers were told, and how long until they were served again."""
    # Keys are read again after whatever was lost before.
    time.sleep(3)
    before = len(load.failed)
    for member in members:
        os.kill(member, signal.SIGSTOP)
    begun = time.monotonic()
    time.sleep(seconds)
    ready = [node.get("/readyz")[0] for node in nodes]
    for member in reversed(members):
        os.kill(member, signal.SIGCONT)
    back = until("served again", lambda: all(node.chat(load.key, "hello")[0] == 200 for node in nodes))
    refused = load.failed[before:]
    codes = collections.Counter((status, *re.findall(r'"code": ?"([a-z_]+)"', text)) for _, _, status, text in refused)
    first = f"{refused[0][0] - (begun - load.began):.0f} s after it stopped" if refused else "never"
    slowest = max((took for at, took, _ in load.answered if at > begun - load.began), default=0)
    print(f"  {what} hung for {seconds} s: first refused {first}, {dict(codes)}; readiness {ready}; slowest answer {slowest:.2f} s; "
          f"served again after {back:.2f} s", flush=True)


def build(commit, folder):
    """The program of `commit`."""
    tree = folder / "old"
    subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", tree, commit], check=True, capture_output=True)
    try:
        target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "privet"], cwd=tree, check=True,
                       env={**os.environ, "CARGO_TARGET_DIR": target + "-rolling"})
        return pathlib.Path(target + "-rolling") / "release/privet"
    finally:
        subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", tree], check=True)


def postgres():
    """Address and folder of a server of its own."""
    started = subprocess.run([ROOT / ".ci/postgres", "start"], capture_output=True, text=True, check=True).stdout
    said = dict(word.split("=", 1) for word in started.split() if "=" in word)
    return said["PRIVET_TEST_POSTGRES"], said["PRIVET_POSTGRES_DIR"]


def valkey(folder):
    program = os.environ.get("PRIVET_TEST_VALKEY") or shutil.which("valkey-server") or shutil.which("redis-server")
    if not program:
        raise CannotTry("there is no Valkey; `.ci/valkey run bench/rolling.py …` brings one")
    port = free_port()
    process = subprocess.Popen([program, "--port", str(port), "--bind", "127.0.0.1", "--appendonly", "yes", "--dir", folder],
                               stdout=subprocess.DEVNULL)
    return process, f"redis://127.0.0.1:{port}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", type=pathlib.Path, help="the program that is replaced")
    parser.add_argument("--old-commit", help="build it from this commit instead")
    parser.add_argument("--new", type=pathlib.Path, required=True, help="the program that takes its place")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5, help="of load between two steps")
    parser.add_argument("--faults", action="store_true", help="then stop PostgreSQL and Valkey for longer than is done without")
    args = parser.parse_args()
    if not args.old and not args.old_commit:
        raise CannotTry("name --old or --old-commit")
    with tempfile.TemporaryDirectory(prefix="privet-rolling-") as folder:
        folder = pathlib.Path(folder)
        old = str((args.old or build(args.old_commit, folder)).resolve())
        new = str(args.new.resolve())
        provider = Server(("127.0.0.1", 0), Provider)
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        counts, url = valkey(folder)
        nodes, place = [], None
        try:
            server, place = postgres()
            subprocess.run(["psql", f"{server}/postgres", "-qc", "CREATE DATABASE rolling"], check=True)
            settings = (
                'listen = "127.0.0.1:PORT"\n[store]\nurl = { file = "store.url" }\n[shared_limits]\nurl = { file = "valkey.url" }\n'
                f'[[providers]]\nname = "demo"\ndialect = "openai"\nbase_url = "http://127.0.0.1:{provider.server_port}/v1"\n'
                '[[models]]\nmatch = "*"\nprovider = "demo"\n'
            )
            files = {"privet.toml": settings, "store.url": f"{server}/rolling", "valkey.url": url}
            nodes += [Node(folder / name, files) for name in ("one", "two")]
            key = nodes[0].fine(old, "key", "create", "--name", "ann").strip()
            (nodes[1].folder / "privet-data").mkdir()
            shutil.copy(nodes[0].folder / "privet-data/root.key", nodes[1].folder / "privet-data/root.key")
            for node in nodes:
                started, why = node.start(old)
                assert started, f"the old program does not start: {why}"
            load = Load(nodes, key, args.callers)
            time.sleep(args.seconds)
            looked = nodes[0].run(new, "store", "status")
            print(f"two nodes of the old program; the new one says:\n{looked.stdout or looked.stderr}", end="", flush=True)
            for number in (0, 1):
                started, why = replace(load, nodes, number, new)
                assert started, f"the new program does not start: {why}"
                print(f"node {number + 1} runs the new program", flush=True)
                time.sleep(args.seconds)
            reach(new, nodes, key)
            started, why = replace(load, nodes, 0, old)
            if started:
                print("node 1 went back to the old program", flush=True)
                time.sleep(args.seconds)
                started, why = replace(load, nodes, 0, new)
            else:
                print(f"node 1 cannot go back: {why}", flush=True)
                started, why = replace_ended(load, nodes, 0, new)
            assert started, why
            time.sleep(args.seconds)
            if not args.faults:
                load.end()
            assert not load.failed, f"{len(load.failed)} requests failed, such as {load.failed[0]}"
            if args.faults:
                postmaster = int((pathlib.Path(place) / "data/postmaster.pid").read_text().split()[0])
                lose("Valkey", [counts.pid], nodes, load, 20)
                assert not load.failed, f"without Valkey: {load.failed[0]}"
                lose("PostgreSQL", family(postmaster), nodes, load, 30)
                assert not load.failed, f"30 s without PostgreSQL: {load.failed[0]}"
                lose("PostgreSQL", family(postmaster), nodes, load, 90)
                load.end()
            check(new, nodes[1], load, args.callers)
        finally:
            for node in nodes:
                if node.process and node.process.poll() is None:
                    node.process.kill()
            counts.kill()
            if place:
                subprocess.run([ROOT / ".ci/postgres", "stop", place], check=False)


def replace_ended(load, nodes, number, program):
    """As `replace`, of a node that has ended."""
    started, why = nodes[number].start(program)
    if started:
        load.in_service = list(nodes)
    return started, why


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"rolling: {error}")
    except (CannotTry, subprocess.CalledProcessError) as error:
        print(f"rolling: {error}", file=sys.stderr)
        sys.exit(2)
