#!/usr/bin/env python3
"""False findings on a megabyte of source code, logs and licence text.

    cargo build --release
    python3 bench/false_findings.py [--privet PRIVET] [--show N] [--write FILE]

The texts are what a machine with Rust and Debian has: sources of the crates that Cargo.lock pins, Python's standard library,
/usr/share/common-licenses and /usr/share/doc/*/copyright, the package manager's logs; and service logs in common formats,
made up from a fixed seed, in which nobody occurs. Files are taken in the order of a hash of their names, so that the choice
is the same on every machine with the same files.

Copyright files name people. Lines that do are left out before anything is measured: those with a copyright sign or word, an
e-mail address, a year at the beginning, or a word such as `author`, `maintainer`, `by`, `thanks`, `the name of`; and in
licences the lines of a few capitalised words alone, which are lists of people (or headings). Of the rest every PERSON and every identifier counts as false; the few names that are left in prose do, too, so the figure is an
upper bound. Identifiers are all kinds but those that describe many (dates, places, organisations, …) and machine addresses
(URL, IP, MAC, e-mail) and street addresses, which are counted apart: licences do name some. Goal: at most 5 findings in 100
KB of PERSON, and of identifiers.
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import re
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
#: Bytes of each part; together a megabyte.
PARTS = {"Rust": 250_000, "C": 100_000, "Python": 100_000, "licences": 250_000, "package logs": 50_000, "service logs": 250_000}
#: No more of one file.
MOST = 12_000
NAMES_PEOPLE = re.compile(
    r"copyright|\(c\)|©|author|maintain|written|contribut|thank|credit|signed-off|upstream|packag|debianiz|holder|based on|@[\w-]+\.\w|"
    r"\bby\b|\bname of\b|according to|individuals|founder|^\W*(19|20)\d\d\b",
    re.I,
)
#: Words between names.
PARTICLES = set("and de da del den der di du la le van von zu et al others".split())
MACHINES = {"EMAIL_ADDRESS", "IP_ADDRESS", "MAC_ADDRESS", "URL_CREDENTIALS"}
WORDS = "cache queue worker session handler index shard broker gateway metric snapshot replica scheduler payment invoice order".split()


def by_hash(paths):
    """`paths` in the order of a hash of their names."""
    return sorted(paths, key=lambda path: hashlib.sha256(str(path[1]).encode()).digest())


def crates():
    """The folders of the crates that Cargo.lock pins."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    for source in sorted((home / "registry/src").glob("*")):
        for package in lock["package"]:
            folder = source / f"{package['name']}-{package['version']}"
            if folder.is_dir():
                yield folder


def files(name):
    """(path, name to hash) of a part."""
    if name == "Rust":
        return [(p, p.relative_to(f.parent)) for f in crates() for p in f.rglob("*.rs")]
    if name == "C":
        return [(p, p.relative_to(f.parent)) for f in crates() for p in f.rglob("*.[ch]")]
    if name == "Python":
        folders = sorted(pathlib.Path("/usr/lib").glob("python3.*"))
        return [(p, p.relative_to(f)) for f in folders for p in f.rglob("*.py") if "test" not in str(p)]
    if name == "licences":
        paths = [*pathlib.Path("/usr/share/common-licenses").glob("*"), *pathlib.Path("/usr/share/doc").glob("*/copyright")]
        return [(p, p) for p in paths if p.is_file() and not p.is_symlink()]
    logs = [*pathlib.Path("/var/log").glob("dpkg.log*"), *pathlib.Path("/var/log/apt").glob("*.log")]
    return [(p, p) for p in logs if p.suffix == ".log"]


def is_list(line):
    """Whether a line may belong to a list of people: a few words, all of them capitalised but for those between names."""
    words = re.findall(r"[^\W\d_][\w.'’-]*", line)
    return 0 < len(words) <= 7 and all(word[0].isupper() or word in PARTICLES for word in words)


def without_people(text, is_licence):
    """`text` without the lines that name people."""
    lines = text.split("\n")
    return "\n".join(line for line in lines if not NAMES_PEOPLE.search(line) and not (is_licence and is_list(line)))


def collected(name, wanted):
    """Texts of a part, `wanted` bytes at most."""
    texts, total = [], 0
    for path, _ in by_hash(files(name)):
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        text = without_people(text, name == "licences")[: min(MOST if name != "package logs" else wanted, wanted - total)]
        if len(text) > 200:
            texts.append(text)
            total += len(text.encode())
        if total >= wanted:
            break
    return texts


def service_logs(wanted):
    """Logs of services in common formats. Whoever is in them is a machine."""
    chance = random.Random(7)
    hexes = lambda n: "".join(chance.choice("0123456789abcdef") for _ in range(n))  # noqa: E731
    number = lambda digits: chance.randrange(10 ** (digits - 1), 10**digits)  # noqa: E731
    word = lambda: chance.choice(WORDS)  # noqa: E731
    second = 1_767_000_000

    def clock():
        day, rest = divmod(second, 86_400)
        return day % 28 + 1, rest // 3600, rest // 60 % 60, rest % 60

    def access():
        d, h, m, s = clock()
        return (
            f'10.0.{chance.randrange(256)}.{chance.randrange(256)} - - [{d:02}/Jan/2026:{h:02}:{m:02}:{s:02} +0000] "GET /api/v{chance.randrange(1, 4)}/{word()}s/{number(8)}?page={number(2)}'
            f'&trace={hexes(16)} HTTP/1.1" {chance.choice([200, 200, 304, 404, 500])} {number(5)} "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"'
        )

    def structured():
        d, h, m, s = clock()
        return json.dumps({
            "ts": f"2026-01-{d:02}T{h:02}:{m:02}:{s:02}.{number(3)}Z", "level": chance.choice(["info", "warn", "debug"]), "logger": f"svc.{word()}.{word()}",
            "msg": f"{word()} {chance.choice(['flushed', 'rebalanced', 'timed out', 'acknowledged'])}", "trace_id": hexes(32), "span_id": hexes(16),
            "shard": number(3), "offset": number(11), "order_id": number(9), "elapsed_ms": chance.random() * 100,
        })

    def syslog():
        d, h, m, s = clock()
        return (
            f"Jan {d:2} {h:02}:{m:02}:{s:02} node-{number(2)} kernel: [{number(6)}.{number(6)}] {chance.choice(['eth0', 'nvme0n1', 'md127'])}: "
            f"{chance.choice(['link becomes ready', 'I/O error, sector', 'page allocation failure order', 'segfault at'])} {number(9)} ip {hexes(16)} sp {hexes(16)} error {number(1)}"
        )

    def java():
        d, h, m, s = clock()
        lines = [f"2026-01-{d:02} {h:02}:{m:02}:{s:02},{number(3)} ERROR [{word()}-thread-{number(2)}] c.e.{word()}.{word().title()}Service - request {number(10)} failed after {number(4)} ms"]
        lines.append(f"java.lang.IllegalStateException: {word()} {number(12)} not found in {word().title()}Repository")
        lines += [f"\tat com.example.{word()}.{word().title()}Handler.{word()}({word().title()}Handler.java:{number(3)})" for _ in range(4)]
        return "\n".join(lines)

    def rust():
        d, h, m, s = clock()
        return f"2026-01-{d:02}T{h:02}:{m:02}:{s:02}.{number(6)}Z  INFO {word()}::{word()}: {word()} done rows={number(6)} bytes={number(10)} hash={hexes(64)} attempt={number(1)}"

    def table():
        return f"{number(13)}\t{number(7)}\t{word()}_{number(4)}\t{number(3)}.{number(2)}\tOK\t{hexes(8)}-{hexes(4)}-4{hexes(3)}-a{hexes(3)}-{hexes(12)}"

    def build():
        return f"[{number(3)}/{number(4)}] Compiling {word()}-{word()} v{number(1)}.{number(2)}.{number(1)} (sha {hexes(40)}) in {number(2)}.{number(2)}s; artefact {number(8)} B"

    texts, total = [], 0
    while total < wanted:
        make = chance.choice([access, structured, syslog, java, rust, table, build])
        text = []
        while sum(map(len, text)) < 4000:
            second += chance.randrange(3)
            text.append(make())
        texts.append("\n".join(text)[: wanted - total])
        total += len(texts[-1].encode())
    return texts


def main():
    parser = argparse.ArgumentParser()
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    parser.add_argument("--privet", default=f"{target}/release/privet")
    parser.add_argument("--show", type=int, default=0, help="print so many values of each rule")
    parser.add_argument("--write", help="write the texts there, as JSON lines")
    options = parser.parse_args()
    rows = []
    for name, wanted in PARTS.items():
        texts = service_logs(wanted) if name == "service logs" else collected(name, wanted)
        rows += [{"id": f"{name}-{i}", "part": name, "text": text} for i, text in enumerate(texts)]
    lines = "".join(json.dumps({"id": row["id"], "text": row["text"]}) + "\n" for row in rows)
    if options.write:
        pathlib.Path(options.write).write_text(lines)
    kinds = json.loads(subprocess.run([options.privet, "pii", "entities", "--format", "json"], stdout=subprocess.PIPE, check=True).stdout)
    broad = {kind["name"] for kind in kinds if kind["is_broad"]}
    command = [options.privet, "pii", "detect", "--format", "jsonl"]
    out = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE).stdout.decode()
    size, people, ids, streets = (collections.Counter() for _ in range(4))
    rules, values, others = collections.Counter(), collections.defaultdict(collections.Counter), collections.Counter()
    for row, line in zip(rows, out.splitlines(), strict=True):
        raw = row["text"].encode()
        size[row["part"]] += len(raw)
        for f in json.loads(line)["findings"]:
            if f["type"] != "PERSON" and (f["type"] in broad or f["type"] in MACHINES):
                others[f["type"]] += 1
                continue
            {"PERSON": people, "STREET_ADDRESS": streets}.get(f["type"], ids)[row["part"]] += 1
            rule = (f["type"], f["rule"], row["part"])
            rules[rule] += 1
            start, end = f["start"], f["end"]
            before = raw[max(0, start - 40) : start].decode(errors="replace")
            values[rule][f"{before!r} > {raw[start:end].decode()!r} {f['score']:.2f}"] += 1
    print(f"{'part':<14}{'bytes':>10}{'PERSON':>8}{'ids':>6}{'streets':>9}   in 100 KB: PERSON, ids")
    for name in [*PARTS, "all"]:
        bytes_, *counts = (sum(c.values()) if name == "all" else c[name] for c in (size, people, ids, streets))
        rates = [1e5 * count / max(bytes_, 1) for count in counts]
        print(f"{name:<14}{bytes_:>10}{counts[0]:>8}{counts[1]:>6}{counts[2]:>9}   {rates[0]:.1f} {rates[1]:.1f}")
    print("the most frequent:")
    for (kind, rule, part), count in rules.most_common(30):
        print(f"  {count:>4} {kind} by {rule} in {part}")
        for value, times in values[kind, rule, part].most_common(options.show):
            print(f"         {times} {value}")
    print(f"not counted (broad kinds, machines): {dict(others.most_common())}")


if __name__ == "__main__":
    main()
