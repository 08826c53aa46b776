#!/usr/bin/env python3
"""How many of a checksum test suite's values Privet judges the same.

    cargo build --release
    python3 bench/checksum_cases.py CASES.jsonl.gz [PRIVET]

CASES: JSON lines with `source` (the test that holds the value), `value` and `valid`: true, false or null, where the checksum
says nothing. Each value is looked at alone, for the kind that its test is about, at threshold 0. Held as valid is a value that
is found whole; as invalid one that is not found, or only by a weaker rule when the checksum failed (`basis` other than
`checksum`). Values of which the checksum says nothing may be found or not, but never on the strength of a checksum. Two tests
ask about a part of a number (the PAN inside a GSTIN, the birth date that begins a South African number): those parts are looked
at inside a number whose check digit is right.
"""
import gzip
import json
import os
import re
import subprocess
import sys
from collections import defaultdict


DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def gstin_with(pan):
    """A GSTIN of Karnataka with this PAN. Check character: Luhn in base 36 from the left, weights 1 and 2."""
    body = f"29{pan}1Z"
    total = 0
    for place, character in enumerate(body):
        product = DIGITS.find(character) * (1 + place % 2)
        total += product // 36 + product % 36
    return body + DIGITS[-total % 36]


def south_african_with(birth):
    """A South African identity number of somebody born then. Last digit: Luhn."""
    body = f"{birth}500908"
    if not body.isdigit():
        return body + "0"
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 - place % 2)
        total += value // 10 + value % 10
    return body + str(-total % 10)


PARTS = {"test_validate_pan_format": gstin_with, "test_has_valid_birth_date": south_african_with}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    privet = sys.argv[2] if len(sys.argv) > 2 else f"{target}/release/privet"
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    by_kind = defaultdict(list)
    for case in cases:
        kind = re.match(r"test_(\w+)_recognizer\.py", case["source"]).group(1).upper()
        part = PARTS.get(case["source"].split("::")[1])
        if part is not None:
            case["value"] = part(case["value"])
        by_kind[kind].append(case)
    same = 0
    for kind, rows in sorted(by_kind.items()):
        lines = "".join(json.dumps({"id": str(i), "text": row["value"]}) + "\n" for i, row in enumerate(rows))
        command = [privet, "pii", "detect", "--format", "jsonl", "--offsets", "chars", "--entities", kind, "--threshold", "0", "--explain"]
        out = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE).stdout.decode()
        for row, line in zip(rows, out.splitlines(), strict=True):
            whole = [f for f in json.loads(line)["findings"] if (f["start"], f["end"]) == (0, len(row["value"]))]
            by_checksum = [f for f in whole if f["basis"] == "checksum"]
            right = bool(whole) if row["valid"] else not by_checksum
            same += right
            if not right:
                seen = ", ".join(f"{f['rule']} ({f['basis']}, {f['score']})" for f in whole) or "nothing"
                print(f"{kind}: {row['value']!r} should be {row['valid']}, found {seen}; {row['source'].split('::')[1]}")
    print(f"{same} of {len(cases)} values, {100 * same / max(len(cases), 1):.1f} %")


if __name__ == "__main__":
    main()
