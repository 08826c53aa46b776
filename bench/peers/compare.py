"""Presidio and Privet on the same texts, in the same run. `run.sh` calls this; it says what is needed.

Quality: both outputs are scored by `privet pii eval`, Presidio's by way of `--predictions`. Speed: CPU time (user and system, all
threads), start-up left out: Presidio measures itself after its first text, Privet is run on no text and on all of them, and
the difference counts. Each figure is the median of several passes that take turns. Memory: the largest resident size of the
whole process.
"""

import argparse
import datetime
import gzip
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import analyze  # noqa: E402
import disguises  # noqa: E402
import gold_check  # noqa: E402
import gold_leak  # noqa: E402

ELEVEN = (
    "PERSON,LOCATION,DATE_TIME,PHONE_NUMBER,CREDIT_CARD,NRP,EMAIL_ADDRESS,IP_ADDRESS,IBAN_CODE,US_DRIVER_LICENSE,URL"
)
MAP = "GPE=LOCATION,STREET_ADDRESS=LOCATION,DOMAIN_NAME=URL"
PARTS = ["quality", "speed", "gold", "disguises", "analyze"]
#: Bytes of licence text for the second speed row; Presidio needs some ten seconds for them.
PROSE_BYTES = 150_000


class Privet:
    """The release build that is measured."""

    def __init__(self, path, folder):
        self.path = path
        rules = folder / "rules.toml"
        rules.write_text('[pii]\nnetwork = false\nbroad_action = "mask"\n')
        plain = folder / "plain.toml"
        plain.write_text('[pii]\nnetwork = false\nbroad_action = "mask"\nundo_disguise = false\n')
        self.modes = {"everything": [], "rules": ["--policy", str(rules)], "rules, no disguise": ["--policy", str(plain)]}

    def detect(self, rows, mode="everything"):
        """Findings of `rows`; CPU seconds and the most bytes that were resident, of the whole process."""
        command = [self.path, "pii", "detect", "--format", "jsonl", "--jobs", "1", *self.modes[mode]]
        with tempfile.TemporaryFile() as texts, tempfile.TemporaryFile() as found:
            texts.write(lines(rows).encode())
            texts.seek(0)
            process = subprocess.Popen(command, stdin=texts, stdout=found)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode > 1:
                sys.exit(f"{' '.join(command)} ended with {process.returncode}")
            found.seek(0)
            output = [json.loads(line) for line in found.read().decode().splitlines()]
        return output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024

    def cost(self, rows, mode):
        """CPU seconds for `rows` without start-up, and peak bytes."""
        idle = self.detect([{"id": "0", "text": ""}], mode)[1]
        _, spent, peak = self.detect(rows, mode)
        return spent - idle, peak

    def evaluate(self, *options):
        """What `privet pii eval --json` says."""
        command = [self.path, "pii", "eval", "--json", "--jobs", "1", *options]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def presidio(rows, *options):
    """Findings of `rows`, and what they cost."""
    command = [sys.executable, str(HERE / "presidio.py"), *options]
    done = subprocess.run(command, input=lines(rows).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(done.stderr.decode())
    cost = json.loads(done.stderr.decode().splitlines()[-1])
    return [json.loads(line) for line in done.stdout.decode().splitlines()], cost["cpu_seconds"], cost["peak_bytes"]


def lines(rows):
    """`rows` as JSON Lines."""
    return "".join(json.dumps({"id": row["id"], "text": row["text"]}, ensure_ascii=False) + "\n" for row in rows)


def read(path):
    """The sentences with their ids."""
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    return [{"id": str(row.get("id", i + 1)), "text": row["full_text"]} for i, row in enumerate(rows)]


def table(head, rows):
    """Prints a Markdown table."""
    print("\n| " + " | ".join(head) + " |")
    print("|" + "|".join(["---"] + ["--:"] * (len(head) - 1)) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def quality(privet, path, found, folder):
    """Exact, overlap and character figures on the sentences."""
    predictions = folder / "presidio.jsonl"
    predictions.write_text("".join(json.dumps(row) + "\n" for row in found))
    options = ["--gold", path, "--format", "presidio-research", "--map", MAP]
    eleven = ["--entities", ELEVEN]
    measured = [
        privet.evaluate(*options, *eleven, "--predictions", str(predictions)),
        privet.evaluate(*options, *eleven),
        privet.evaluate(*options, "--predictions", str(predictions)),
        privet.evaluate(*options),
    ]

    def scores(one, key):
        score = one[key] if key == "characters" else one["total"][key]
        return " / ".join(f"{v:.3f}" for v in (score["precision"]["value"], score["recall"]["value"], score["f1"]))

    head = ["precision / recall / F", "Presidio, 11 kinds", "Privet, 11 kinds", "Presidio, all kinds", "Privet, all kinds"]
    names = {"overlap": "overlap", "exact": "exact", "characters": "characters, whatever the kind"}
    table(head, [[name, *(scores(one, key) for one in measured)] for key, name in names.items()])
    kinds = sorted(measured[0]["kinds"], key=lambda kind: -measured[0]["kinds"][kind]["gold"])
    f1 = lambda one, kind: f"{one['kinds'].get(kind, {}).get('overlap', {}).get('f1') or 0:.3f}"  # noqa: E731
    table(
        ["overlap F by kind", "gold spans", "Presidio", "Privet"],
        [[k, str(measured[0]["kinds"][k]["gold"]), f1(measured[0], k), f1(measured[1], k)] for k in kinds],
    )


def prose():
    """Licence texts in paragraphs, the same on every Debian machine of a release."""
    rows, total = [], 0
    for path in sorted(pathlib.Path("/usr/share/common-licenses").glob("*")):
        if path.is_symlink():
            continue
        for paragraph in path.read_text(errors="replace").split("\n\n"):
            if total < PROSE_BYTES and paragraph.strip():
                rows.append({"id": str(len(rows)), "text": paragraph})
                total += len(paragraph.encode())
    return rows


def speed(privet, sentences, passes):
    """MB per CPU second and peak memory of both, and the ratio."""
    rows = []
    for name, texts in {"generated sentences, full of values": sentences, "licence text": prose()}.items():
        megabytes = sum(len(row["text"].encode()) for row in texts) / 1e6
        # One pass of Privet is short, so it takes the texts several times.
        times = 10
        for mode, flag in {"rules": ["--rules"], "everything": []}.items():
            theirs, ours, plain, peaks = [], [], [], []
            for _ in range(passes):
                _, spent, their_peak = presidio(texts, *flag)
                theirs.append(megabytes / spent)
                spent, our_peak = privet.cost(texts * times, mode)
                ours.append(megabytes * times / spent)
                if mode == "rules":
                    plain.append(megabytes * times / privet.cost(texts * times, "rules, no disguise")[0])
                peaks.append((their_peak, our_peak))
            their, our = statistics.median(theirs), statistics.median(ours)
            peak = [max(p[side] for p in peaks) / (1 << 20) for side in (0, 1)]
            memory = f"{peak[0]:.0f} / {peak[1]:.0f}"
            rows.append([f"{mode}: {name}, {megabytes * 1e3:.0f} KB", f"{their:.4f}", f"{our:.2f}", f"{our / their:.0f}", memory])
            if plain:
                ours = statistics.median(plain)
                rows.append(["the same, disguises left as they are", f"{their:.4f}", f"{ours:.2f}", f"{ours / their:.0f}", ""])
    table(["MB per CPU second", "Presidio", "Privet", "times as fast", "peak MiB, Presidio / Privet"], rows)


def gold(privet, folder):
    """Leaks and false findings on the project's own gold texts in `folder`."""
    faults = []
    documents = [d for path in sorted(folder.glob("*.txt")) for d in gold_check.parse(path, faults)]
    if faults:
        sys.exit(f"the gold texts have faults: {faults}")
    rows = [dict(document.record(), id=str(i)) for i, document in enumerate(documents)]
    both = [gold_leak.measure(rows, found) for found in (presidio(rows)[0], privet.detect(rows)[0])]
    shares = [leaks.shares() for leaks in both]
    body = []
    for group in ("en", "all languages", "disguised"):
        leaked = (f"{share.get(group, 0):.3f}" for share in shares)
        body.append([f"characters of direct identifiers leaked: {group}", *leaked])
    body.append(["spans found in disguised texts", *(f"{b.disguised_found / max(b.disguised, 1):.2f}" for b in both)])
    for name, languages in {"en": ["en"], "all languages": []}.items():
        rates = (f"{leaks.false_rate(*languages):.1f}" for leaks in both)
        body.append([f"false findings per 1,000 words of texts without personal data: {name}", *rates])
    table([f"own texts, `{folder.name}`", "Presidio", "Privet"], body)


def disguise(privet):
    """How many of the disguised values are found."""
    rows = disguises.rows()
    both = [presidio(rows)[0], privet.detect(rows)[0]]
    theirs, ours = (disguises.score(rows, found) for found in both)
    table(
        [f"{len(rows)} disguised values", "Presidio", "Privet"],
        [[name, str(theirs[name]), str(ours[name])] for name in theirs],
    )
    missed = [row["id"] for row, found in zip(rows, both[1]) if not disguises.is_found(row, found["findings"])]
    print(f"\nPrivet misses: {', '.join(missed) or 'none'}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--privet", required=True)
    parser.add_argument("--sentences", required=True)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    parts = options.only.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--only takes {','.join(PARTS)}")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    print(f"{datetime.date.today()}, {commit}, {platform.machine()}, {os.cpu_count()} cores, load average {load:.1f} at the start")
    print("Presidio 2.2.366 with spaCy's en_core_web_sm 3.8.0, its default configuration, threshold 0.35")
    sentences = read(options.sentences)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        privet = Privet(options.privet, folder)
        if "quality" in parts:
            quality(privet, options.sentences, presidio(sentences)[0], folder)
        if "speed" in parts:
            speed(privet, sentences, options.passes)
        if "gold" in parts:
            # Rules and limits were tuned on the first; those held out are there once somebody wrote some.
            for texts in (gold_check.GOLD, gold_check.GOLD.parent / "heldout"):
                if texts.is_dir():
                    gold(privet, texts)
        if "disguises" in parts:
            disguise(privet)
        if "analyze" in parts:
            analyze.compare(options.privet, folder)


if __name__ == "__main__":
    main()
