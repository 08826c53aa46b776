#!/usr/bin/env python3
"""Six values in seventeen disguises: the matrix as a file, and how many of its values are found.

    python3 bench/disguises.py --write           makes crates/privet-pii/tests/it/fixtures/disguises.jsonl
    python3 bench/disguises.py [PRIVET]          scores a release build; says which are missed

A disguise that leaves a value as it is (homoglyphs of digits, an `at` where there is none) does not count: 89 of the 102
pairs do. A value is found if one finding of its kind covers the disguised stretch, but for four characters at either end;
`covered` asks the same of findings of whatever kind together.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import urllib.parse

FILE = pathlib.Path(__file__).resolve().parent.parent / "crates/privet-pii/tests/it/fixtures/disguises.jsonl"

#: Kind, value (nobody's), sentence.
VALUES = [
    ("EMAIL_ADDRESS", "ann.lee@example.com", "My email is {}, thanks."),
    ("PHONE_NUMBER", "+1 202-555-0143", "My phone number is {}, thanks."),
    ("CREDIT_CARD", "4000001234567899", "My credit card number is {}, thanks."),
    ("IBAN_CODE", "DE89370400440532013000", "My IBAN is {}, thanks."),
    ("US_SSN", "219-09-9999", "My social security number is {}, thanks."),
    ("IP_ADDRESS", "192.0.2.117", "My IP address is {}, thanks."),
]

WORDS = "zero one two three four five six seven eight nine".split()
LOOKALIKES = str.maketrans("aceopxDE", "асеорхᎠЕ")


def kept(value):
    """The characters that are not there for reading alone."""
    return [c for c in value if c not in " -"]


def spelt(value):
    """Digits as English words, in groups as the value has them."""
    if not sum(c.isdigit() for c in value):
        return value
    marks = {".": "dot", "-": "dash", "+": "plus"}
    return " ".join(WORDS[int(c)] if c.isdigit() else marks.get(c, c) for c in value if c != " ")


def digits_from(zero):
    """Digits of another script, by its zero."""
    return lambda value: "".join(chr(zero + int(c)) if c.isdigit() else c for c in value)


def full_width(value):
    """ASCII as full-width forms."""
    return "".join("\u3000" if c == " " else chr(ord(c) - 0x21 + 0xFF01) for c in value)


def middle(value):
    """A line break in the middle."""
    return value[: len(value) // 2] + "\n" + value[len(value) // 2 :]


DISGUISES = {
    "spaced": lambda v: " ".join(kept(v)),
    "dashed": lambda v: "-".join(kept(v)),
    "line break": middle,
    "digit words": spelt,
    "zero width": lambda v: "\u200b".join(v),
    "soft hyphen": lambda v: "\u00ad".join(v),
    "homoglyphs": lambda v: v.translate(LOOKALIKES),
    "full width": full_width,
    "Arabic-Indic digits": digits_from(0x660),
    "Devanagari digits": digits_from(0x966),
    "Thai digits": digits_from(0xE50),
    "at, dot": lambda v: v.replace("@", " at ").replace(".", " dot ") if "@" in v else v,
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "hex": lambda v: v.encode().hex(),
    "percent": lambda v: "".join(f"%{b:02X}" for b in v.encode()),
    "HTML entities": lambda v: "".join(f"&#{ord(c)};" for c in v),
    "\\u escapes": lambda v: "".join(f"\\u{ord(c):04x}" for c in v),
}


def rows():
    """The effective pairs; offsets are UTF-8 bytes."""
    made = []
    for kind, value, sentence in VALUES:
        for name, disguise in DISGUISES.items():
            disguised = disguise(value)
            if disguised == value:
                continue
            start = len(sentence[: sentence.index("{}")].encode())
            made.append({
                "id": f"{kind}, {name}",
                "type": kind,
                "start": start,
                "end": start + len(disguised.encode()),
                "text": sentence.replace("{}", disguised),
            })
    return made


def reach(row):
    """The bytes that have to be covered: all but four characters at either end."""
    raw = row["text"].encode()
    stretch = raw[row["start"] : row["end"]].decode()
    inner = stretch[4:-4]
    start = row["start"] + len(stretch[:4].encode())
    return start, start + len(inner.encode())


def is_found(row, findings):
    """Whether one finding of the kind covers the stretch."""
    start, end = reach(row)
    return any(f["type"] == row["type"] and f["start"] <= start and f["end"] >= end for f in findings)


def is_covered(row, findings):
    """Whether findings of any kind cover it together."""
    start, end = reach(row)
    covered = {at for f in findings for at in range(f["start"], f["end"])}
    return all(at in covered for at in range(start, end))


def score(wanted, found):
    """How many of `wanted` are in `found`, for each an object with `findings`."""
    pairs = [(row, each["findings"]) for row, each in zip(wanted, found, strict=True)]
    return {
        "found, with the right kind": sum(is_found(*pair) for pair in pairs),
        "covered, by whatever kinds": sum(is_covered(*pair) for pair in pairs),
    }


def main():
    wanted = rows()
    if "--write" in sys.argv:
        FILE.write_text("".join(json.dumps(row, ensure_ascii=True) + "\n" for row in wanted))
        print(f"{len(wanted)} rows in {FILE}")
        return
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    privet = sys.argv[1] if len(sys.argv) > 1 else f"{target}/release/privet"
    lines = "".join(json.dumps({"id": row["id"], "text": row["text"]}) + "\n" for row in wanted)
    command = [privet, "pii", "detect", "--format", "jsonl"]
    out = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE).stdout.decode()
    found = [json.loads(line) for line in out.splitlines()]
    for name, count in score(wanted, found).items():
        print(f"{name}: {count} of {len(wanted)}")
    for row, each in zip(wanted, found):
        if not is_found(row, each["findings"]):
            print(f"missed: {row['id']}: {row['text']!r} {each['findings']}")


if __name__ == "__main__":
    main()
