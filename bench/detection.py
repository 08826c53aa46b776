#!/usr/bin/env python3
"""Recall and precision of Privet's detector on generated sentences with known spans.

    cargo build --release -p privet-pii --example analyze
    python3 bench/detection.py SENTENCES.jsonl.gz [ANALYZE]

SENTENCES: JSON lines with `full_text` and `spans` (`entity_type`, `start_position`, `end_position` in code points), as
presidio-research writes them. Only kinds that Privet finds by rules are counted. A span is found if a finding of its kind
overlaps it, and exact if both ends agree; a finding is right if it overlaps a span of its kind.
"""
import gzip
import json
import os
import subprocess
import sys
from collections import Counter

KINDS = ["CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER"]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    analyze = sys.argv[2] if len(sys.argv) > 2 else f"{target}/release/examples/analyze"
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    lines = "".join(json.dumps({"text": case["full_text"]}) + "\n" for case in cases)
    found = subprocess.run([analyze], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    spans, hit, exact, said, right = Counter(), Counter(), Counter(), Counter(), Counter()
    for case, line in zip(cases, found.splitlines(), strict=True):
        text = case["full_text"]
        byte = [0]
        for character in text:
            byte.append(byte[-1] + len(character.encode()))
        wanted = [(s["entity_type"], byte[s["start_position"]], byte[s["end_position"]]) for s in case["spans"]]
        findings = [(f["type"], f["start"], f["end"]) for f in json.loads(line)]
        for kind, start, end in wanted:
            spans[kind] += 1
            hit[kind] += any(k == kind and s < end and start < e for k, s, e in findings)
            exact[kind] += (kind, start, end) in findings
        for kind, start, end in findings:
            said[kind] += 1
            right[kind] += any(k == kind and s < end and start < e for k, s, e in wanted)
    print(f"{'kind':<16}{'spans':>7}{'recall':>9}{'exact':>9}{'findings':>10}{'precision':>11}")
    for kind in KINDS:
        recall, whole = hit[kind] / max(spans[kind], 1), exact[kind] / max(spans[kind], 1)
        precision = right[kind] / max(said[kind], 1)
        print(f"{kind:<16}{spans[kind]:>7}{recall:>9.3f}{whole:>9.3f}{said[kind]:>10}{precision:>11.3f}")


if __name__ == "__main__":
    main()
