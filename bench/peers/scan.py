"""Measures `privet scan` and its peers on the same files; see scan.sh.

CPU time is that of a program and all that it started (user and system). A tree is made of copies of the sources found under
`--tree`, whole files in the order of their paths, until it has `--megabytes`; peers that would take hours get its first
`--slow-megabytes` only, and all figures are MB per CPU-second. Pickles are written to a folder that is removed; none is
loaded.
"""

import argparse
import base64
import gzip
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

MB = 1_000_000


class Run:
    """What a command came to: CPU seconds, wall seconds, exit status, output."""

    def __init__(self, command, environment=None, folder=None, limit=3600):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            timeout=limit,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.wall = time.monotonic() - start
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def expect(self, *statuses):
        if self.status not in statuses:
            sys.exit(f"scan.py: exit {self.status}\n{self.err[-2000:]}{self.out[-500:]}")
        return self


class Privet:
    """The measured program, with a home of its own."""

    def __init__(self, binary, home):
        self.binary = binary
        self.home = home
        names = ["HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"]
        self.environment = {name: str(home) for name in names}

    def scan(self, path, *options):
        command = [self.binary, "scan", path, "--format", "jsonl", "--no-ignore", *options]
        # 0: nothing found, 1: something, 3: something could not be read to its end.
        return Run(command, self.environment, folder=self.home).expect(0, 1, 3)


def findings(run):
    return [json.loads(line) for line in run.out.splitlines() if line.startswith("{")]


def make_tree(source, target, megabytes):
    """Copies whole files until there are so many; returns their bytes."""
    size = 0
    for folder, folders, files in os.walk(source):
        folders.sort()
        for name in sorted(files):
            path = pathlib.Path(folder, name)
            if size >= megabytes * MB:
                return size
            if path.is_symlink() or not path.is_file():
                continue
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            size += path.stat().st_size
    return size


def speed(options, privet, work):
    tree, part = work / "tree", work / "part"
    size = make_tree(options.tree, tree, options.megabytes)
    small = make_tree(options.tree, part, options.slow_megabytes)
    rows = []

    def row(name, run, bytes_, found):
        rate = bytes_ / MB / run.cpu
        rows.append((name, f"{bytes_ / MB:.1f}", f"{run.cpu:.2f}", f"{run.wall:.2f}", f"{rate:.2f}", str(found)))

    run = privet.scan(tree, "--category", "secret", "--no-cache")
    row("privet, secrets", run, size, len(findings(run)))
    run = privet.scan(tree, "--category", "secret")
    row("privet, secrets, fills its cache", run, size, len(findings(run)))
    run = privet.scan(tree, "--category", "secret")
    row("privet, secrets, from its cache", run, size, len(findings(run)))
    run = privet.scan(part, "--no-cache")
    row("privet, everything", run, small, len(findings(run)))
    run = Run([options.peers / "detect-secrets", "scan", "--all-files", "--no-verify", part], folder=work).expect(0)
    row("detect-secrets", run, small, sum(map(len, json.loads(run.out)["results"].values())))
    table("Speed", ("program", "MB", "CPU-s", "wall s", "MB per CPU-s", "findings"), rows)


def notebook(seed):
    """A notebook with sixty cells with outputs, and some secrets and names in them."""
    chance = random.Random(seed)
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    cells = []
    for number in range(60):
        token = "".join(chance.choice(letters) for _ in range(32))
        frame = "   user        api_key\n" + "".join(f"{line}  u{line}  {chance.random():.12f}\n" for line in range(40))
        planted = {7: f"api_key = '{token}'", 21: f"password: {token[:14]}", 40: f"ann{number}@brightwater-harbour.org"}
        outputs = [
            {"output_type": "stream", "name": "stdout", "text": [f"step {line}: {chance.random()}\n" for line in range(60)]},
            {
                "output_type": "execute_result",
                "execution_count": number,
                "metadata": {},
                "data": {"text/plain": frame, "text/html": f"<table><tr><th>key</th></tr><tr><td>{planted.get(number, number)}</td></tr></table>"},
            },
        ]
        source = [f"x{number} = {chance.random()}\n", f"# {planted.get(number, 'a note')}\n", f"x{number}"]
        cells.append({"cell_type": "code", "metadata": {}, "execution_count": number, "source": source, "outputs": outputs})
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, indent=1)




def nbdefense_settings(options, work):
    """Its own default settings with the plugins off that need what is not here."""
    code = (
        "import json\nfrom nbdefense.constants import DEFAULT_SETTINGS as s\nimport tomlkit\n"
        "d = json.loads(json.dumps(s))\n"
        "for name, plugin in d['plugins'].items():\n"
        "    if 'pii' in name.lower() or 'cve' in name.lower():\n"
        "        plugin['enabled'] = False\n"
        "print(tomlkit.dumps(d))\n"
    )
    python = options.nbdefense.parent / "python"
    settings = work / "nbdefense.toml"
    settings.write_text(Run([python, "-c", code]).expect(0).out)
    return settings


def notebooks(options, privet, work):
    folder = work / "notebooks"
    folder.mkdir()
    for seed in range(3):
        (folder / f"n{seed}.ipynb").write_text(notebook(seed))
    size = sum(path.stat().st_size for path in folder.iterdir())
    rows = []

    def row(name, run, found):
        rows.append((name, f"{run.cpu:.2f}", f"{run.wall:.2f}", str(found)))

    run = privet.scan(folder, "--no-cache")
    row("privet, everything", run, len(findings(run)))
    run = privet.scan(folder, "--no-cache", "--category", "secret", "--category", "licence")
    row("privet, secrets and licences", run, len(findings(run)))
    run = Run([options.peers / "detect-secrets", "scan", "--all-files", "--no-verify", folder], folder=work).expect(0)
    row("detect-secrets", run, sum(map(len, json.loads(run.out)["results"].values())))
    if options.nbdefense:
        settings, out = nbdefense_settings(options, work), work / "nbdefense.json"
        command = [options.nbdefense, "scan", "-r", "-q", "-y", "--no-progress-bars", "-o", "json", "-f", out]
        run = Run([*command, "--settings-file", settings, folder], {"HOME": str(work)}, folder=work)
        if run.status == 0 and out.exists():
            report = json.loads(out.read_text())
            row("NB Defense, secrets and licences", run, len(list(issues(report))))
        else:
            rows.append(("NB Defense", "failed", run.err.strip().splitlines()[-1][:120] if run.err.strip() else "", ""))
    else:
        rows.append(("NB Defense", "not installed", "", ""))
    table(f"Notebooks: 3 of {size / MB:.2f} MB together", ("program", "CPU-s", "wall s", "findings"), rows)


def issues(value):
    """Every issue of a report of NB Defense, wherever it stands."""
    if isinstance(value, dict):
        if "severity" in value and "code" in value:
            yield value
        for inner in value.values():
            yield from issues(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from issues(inner)


def pickles(options, privet, work):
    folder = work / "pickles"
    folder.mkdir()
    expected = {}
    with gzip.open(options.pickles, "rt") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            name = f"{number}-{pathlib.Path(row['name']).name}"
            (folder / name).write_bytes(base64.b64decode(row["b64"]))
            expected[name] = row["expected"] is not None
    rows = []

    def row(name, cpu, flagged):
        bad = sum(expected[one] for one in flagged)
        benign = sum(not is_bad for is_bad in expected.values())
        rows.append((name, f"{cpu:.2f}", f"{bad} of {len(expected) - benign}", f"{len(flagged) - bad} of {benign}"))

    try:
        run = privet.scan(folder, "--category", "model", "--no-cache")
        # Members stand behind `!/`.
        named = {one["path"].split("!/")[0] for one in findings(run)}
        row("privet", run.cpu, {pathlib.Path(path).name for path in named})
        for name, arguments in (
            ("ModelScan", lambda path: [options.peers / "modelscan", "-p", path]),
            ("picklescan", lambda path: [options.peers / "picklescan", "-p", path]),
            ("fickling", lambda path: [options.peers / "fickling", "--check-safety", "--json-output", work / "f.json", path]),
        ):
            cpu, flagged = 0.0, set()
            for file in sorted(expected):
                run = Run(arguments(folder / file), folder=work)
                cpu += run.cpu
                # All of them: 0 is fine, anything else is not, be it an error.
                if run.status != 0:
                    flagged.add(file)
            row(name, cpu, flagged)
    finally:
        shutil.rmtree(folder)
    heads = ("program", "CPU-s", "malicious caught", "benign flagged")
    table("Pickles; peers start once for each", heads, rows)


def corpora(options, privet, work):
    rows = []
    for path in sorted(options.corpora.glob("*.jsonl.gz")):
        folder = work / path.name
        folder.mkdir()
        wanted, negatives = set(), set()
        with gzip.open(path, "rt") as lines:
            for number, line in enumerate(lines):
                row = json.loads(line)
                if row.get("kind") not in ("secret", "secret-file") or "text" not in row:
                    continue
                name = pathlib.Path(row.get("path") or "text").name
                place = folder / str(number) / name
                place.parent.mkdir()
                place.write_text(row["text"])
                (wanted if row.get("expected") is not None else negatives).add(str(number))
        if not wanted:
            continue

        def row_of(name, run, files):
            flagged = {pathlib.Path(file).parent.name for file in files}
            share = lambda some: f"{len(flagged & some) / len(some):.3f} ({len(flagged & some)} of {len(some)})" if some else ""
            rows.append((path.name.split(".")[0], name, f"{run.cpu:.2f}", share(wanted), share(negatives)))

        run = privet.scan(folder, "--category", "secret", "--no-cache")
        row_of("privet", run, {one["path"] for one in findings(run)})
        run = Run([options.peers / "detect-secrets", "scan", "--all-files", "--no-verify", folder], folder=work).expect(0)
        row_of("detect-secrets", run, json.loads(run.out)["results"])
    heads = ("corpus", "program", "CPU-s", "recall, files", "negatives flagged")
    table("Secrets in labelled texts", heads, rows)


def table(title, heads, rows):
    print(f"\n**{title}**\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    sys.stdout.flush()


def versions(options):
    names = ("detect-secrets", "modelscan", "fickling", "picklescan")
    code = f"from importlib.metadata import version\nprint(', '.join(f'{{n}} {{version(n)}}' for n in {names!r}))"
    print("Peers:", Run([options.peers / "python", "-c", code]).expect(0).out.strip())
    if options.nbdefense:
        print(Run([options.nbdefense, "--version"]).out.strip())
    print("Privet:", Run([options.privet, "--version"]).out.strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--privet", type=pathlib.Path, required=True)
    parser.add_argument("--peers", type=pathlib.Path, required=True, help="folder of the peers' programs")
    parser.add_argument("--nbdefense", type=pathlib.Path)
    parser.add_argument("--tree", type=pathlib.Path, default=pathlib.Path.home() / ".cargo/registry/src")
    parser.add_argument("--megabytes", type=int, default=120)
    parser.add_argument("--slow-megabytes", type=int, default=5)
    parser.add_argument("--pickles", type=pathlib.Path, help="gzipped JSON Lines of `name`, `b64`, `expected`")
    parser.add_argument("--corpora", type=pathlib.Path, help="folder of gzipped JSON Lines of `text`, `expected`, `kind`")
    options = parser.parse_args()
    versions(options)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        home = work / "home"
        home.mkdir()
        privet = Privet(options.privet.resolve(), home)
        speed(options, privet, work)
        notebooks(options, privet, work)
        if options.pickles:
            pickles(options, privet, work)
        if options.corpora:
            corpora(options, privet, work)


if __name__ == "__main__":
    main()
