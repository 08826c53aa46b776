#!/usr/bin/env python3
"""How much of the direct identifiers of the own gold texts leaks, and what is found in texts without personal data.

    cargo build --release
    python3 bench/gold_check.py --dir crates/privet-pii/tests/it/fixtures/gold --jsonl GOLD.jsonl --quiet   # or heldout
    python3 bench/gold_leak.py GOLD.jsonl [PRIVET]

A character of a direct identifier (every kind but those that describe many) leaks if no finding, of whatever kind, covers it.
False findings leave dates and organisations aside; words are what white space divides. A span of a disguised text counts as
found if a finding of whatever kind shares a character with it.
"""
import json
import os
import subprocess
import sys
from collections import Counter

BROAD = "AGE DATE_TIME LOCATION NRP ORGANIZATION SWIFT_CODE TITLE UK_POSTCODE URL UUID ZIP_CODE DE_PLZ".split()


class Leaks:
    """What was measured."""

    def __init__(self):
        self.leaked, self.total = Counter(), Counter()
        self.words, self.false = Counter(), {}
        self.disguised, self.disguised_found = 0, 0

    def shares(self):
        """The share of characters that leak, by language; `all languages`; `disguised`."""
        shares = {group: self.leaked[group] / self.total[group] for group in sorted(self.total) if group != "disguised"}
        plain = [group for group in self.total if group != "disguised"]
        shares["all languages"] = sum(self.leaked[g] for g in plain) / max(sum(self.total[g] for g in plain), 1)
        shares["disguised"] = self.leaked["disguised"] / max(self.total["disguised"], 1)
        return shares

    def false_rate(self, *languages):
        """False findings per 1,000 words; of all languages if none is named."""
        wanted = languages or list(self.words)
        found = sum(sum(self.false.get(language, {}).values()) for language in wanted)
        return 1000 * found / max(sum(self.words[language] for language in wanted), 1)

    def false_kinds(self):
        """Counts of false findings by kind."""
        return dict(sum(self.false.values(), Counter()))


def measure(rows, found):
    """Leaks of `rows`, which are gold texts, by `found`: for each an object with `findings`."""
    leaks = Leaks()
    for row, each in zip(rows, found, strict=True):
        covered = set()
        for f in each["findings"]:
            covered.update(range(f["start"], f["end"]))
        if row["kind"] == "negative":
            leaks.words[row["lang"]] += len(row["text"].split())
            kinds = (f["type"] for f in each["findings"] if f["type"] not in ("DATE_TIME", "ORGANIZATION"))
            leaks.false.setdefault(row["lang"], Counter()).update(kinds)
        group = "disguised" if row["kind"] == "disguised" else row["lang"]
        for span in row["spans"]:
            characters = range(span["start"], span["end"])
            if group == "disguised":
                leaks.disguised += 1
                leaks.disguised_found += any(at in covered for at in characters)
            if span["type"] not in BROAD:
                leaks.total[group] += len(characters)
                leaks.leaked[group] += sum(at not in covered for at in characters)
    return leaks


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
    leaks = measure(rows, [json.loads(line) for line in out.splitlines()])
    for group, share in leaks.shares().items():
        print(f"{group}: {share:.3f}")
    print(f"false findings per 1,000 words: {leaks.false_rate():.1f} {leaks.false_kinds()}")
    print(f"spans found in disguised texts: {leaks.disguised_found} of {leaks.disguised}")


if __name__ == "__main__":
    main()
