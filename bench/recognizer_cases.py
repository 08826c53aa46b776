#!/usr/bin/env python3
"""How many of a recogniser test suite's rows Privet answers the same, kind by kind.

    cargo build --release
    python3 bench/recognizer_cases.py CASES.jsonl.gz [PRIVET]

CASES: JSON lines with `entity`, `text`, `expected` (`start`, `end` in code points) and `asserted`; only rows whose `asserted` is
`spans` count. Each text is looked at for its kind alone, at threshold 0 and without the network unless the kind is a name.
"""
import gzip
import json
import os
import subprocess
import sys
from collections import defaultdict


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    privet = sys.argv[2] if len(sys.argv) > 2 else f"{target}/release/privet"
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    by_kind = defaultdict(list)
    for case in cases:
        if case["asserted"] == "spans" and "|" not in case["entity"]:
            by_kind[case["entity"]].append(case)
    same = 0
    total = 0
    for kind, rows in sorted(by_kind.items()):
        lines = "".join(json.dumps({"id": str(i), "text": row["text"]}) + "\n" for i, row in enumerate(rows))
        command = [privet, "pii", "detect", "--format", "jsonl", "--offsets", "chars", "--entities", kind, "--threshold", "0"]
        out = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE).stdout.decode()
        right = 0
        for row, line in zip(rows, out.splitlines(), strict=True):
            found = sorted((f["start"], f["end"]) for f in json.loads(line)["findings"])
            wanted = sorted((e["start"], e["end"]) for e in row["expected"])
            right += found == wanted
        if right < len(rows):
            print(f"{kind}: {right} of {len(rows)}")
        same += right
        total += len(rows)
    print(f"{same} of {total} rows, {100 * same / max(total, 1):.1f} %")


if __name__ == "__main__":
    main()
