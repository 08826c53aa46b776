#!/usr/bin/env python3
"""How much of the direct identifiers of the own gold texts leaks, and what is found in texts without personal data.

    cargo build --release
    python3 bench/gold_check.py --dir crates/privet-pii/tests/it/fixtures/gold --jsonl GOLD.jsonl --quiet   # or heldout
    python3 bench/gold_leak.py GOLD.jsonl [PRIVET]

A character of a direct identifier (every kind but those that describe many) leaks if no finding, of whatever kind, covers it.
False findings leave dates and organisations aside; words are what white space divides.
"""
import json
import os
import subprocess
import sys
from collections import Counter

BROAD = "AGE DATE_TIME LOCATION NRP ORGANIZATION SWIFT_CODE TITLE UK_POSTCODE URL UUID ZIP_CODE DE_PLZ".split()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    privet = sys.argv[2] if len(sys.argv) > 2 else f"{target}/release/privet"
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    lines = "".join(json.dumps({"id": str(i), "text": row["text"]}) + "\n" for i, row in enumerate(rows))
    command = [privet, "pii", "detect", "--format", "jsonl"]
    out = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE).stdout.decode()
    leaked, total, false, words = Counter(), Counter(), Counter(), 0
    for row, line in zip(rows, out.splitlines(), strict=True):
        found = json.loads(line)["findings"]
        covered = set()
        for f in found:
            covered.update(range(f["start"], f["end"]))
        if row["kind"] == "negative":
            words += len(row["text"].split())
            false.update(f["type"] for f in found if f["type"] not in ("DATE_TIME", "ORGANIZATION"))
        group = "disguised" if row["kind"] == "disguised" else row["lang"]
        for span in row["spans"]:
            if span["type"] not in BROAD:
                total[group] += span["end"] - span["start"]
                leaked[group] += sum(at not in covered for at in range(span["start"], span["end"]))
    plain = [group for group in total if group != "disguised"]
    for group in sorted(total):
        print(f"{group}: {leaked[group] / total[group]:.3f}")
    print(f"all languages: {sum(leaked[g] for g in plain) / sum(total[g] for g in plain):.3f}")
    print(f"false findings per 1,000 words: {1000 * sum(false.values()) / max(words, 1):.1f} {dict(false)}")


if __name__ == "__main__":
    main()
