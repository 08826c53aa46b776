"""Measures the shipped network: `python evaluate.py NER_FIND_BINARY [sentences.jsonl.gz] [gold folder]`.

Per entity and for all together: precision, recall and F by overlap (a finding counts if it shares a character with a gold span of
its kind) and by exact bounds. GPE and STREET_ADDRESS count as LOCATION. Then findings on code, licence texts and logs per 100 KB.
"""
import collections
import glob
import gzip
import json
import os
import random
import subprocess
import sys

KINDS = ["PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME"]
SAME = {"GPE": "LOCATION", "STREET_ADDRESS": "LOCATION", "DATE_OF_BIRTH": "DATE_TIME"}


def find(binary, texts):
    lines = "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in texts)
    out = subprocess.run([binary], input=lines.encode(), capture_output=True, check=True).stdout.decode()
    result = []
    for text, line in zip(texts, out.splitlines()):
        raw = text.encode()
        result.append([(len(raw[:a].decode()), len(raw[:b].decode()), SAME.get(k, k), s) for a, b, k, s in json.loads(line)])
    return result


def joined(text, spans):
    """LOCATION spans with only separators between are one address."""
    out = []
    for a, b, k in sorted(spans):
        if out and k == out[-1][2] == "LOCATION" and not text[out[-1][1]:a].strip(" ,\n"):
            out[-1] = (out[-1][0], b, k)
        else:
            out.append((a, b, k))
    return out


def without_ruled(gold, found):
    """Findings less those that lie on values of other kinds (numbers, addresses on the net): there a rule with a check decides."""
    out = []
    for g, f in zip(gold, found):
        meets = lambda x, is_ours: any(x[0] < b and a < x[1] for a, b, k in g if (k in KINDS) == is_ours)
        out.append([x for x in f if meets(x, True) or not meets(x, False)])
    return out


def measure(name, texts, gold, found, floor=0.0, detail=True):
    counts = {k: collections.Counter() for k in KINDS}
    covered = total = predicted = 0
    for text, g, f in zip(texts, gold, found):
        f = [(a, b, k) for a, b, k, s in f if s >= floor]
        g = [x for x in g if x[2] in KINDS]
        for k in KINDS:
            gk, fk = [x for x in g if x[2] == k], [x for x in f if x[2] == k]
            c = counts[k]
            c["gold"] += len(gk)
            c["found"] += len(fk)
            c["hit"] += sum(any(a < d and b2 < b for b2, d, _ in fk) for a, b, _ in gk)
            c["right"] += sum(any(a < d and b2 < b for b2, d, _ in gk) for a, b, _ in fk)
            c["exact"] += len(set(gk) & set(fk))
        gc = {i for a, b, k in g if k in KINDS for i in range(a, b)}
        fc = {i for a, b, _ in f for i in range(a, b)}
        covered += len(gc & fc)
        total += len(gc)
        predicted += len(fc)
    counts["all"] = sum(counts.values(), collections.Counter())

    def f1(p, r):
        return 2 * p * r / (p + r) if p + r else 0.0
    for k, c in counts.items():
        if not (detail or k == "all") or not c["gold"] + c["found"]:
            continue
        p, r = c["right"] / max(1, c["found"]), c["hit"] / max(1, c["gold"])
        ep, er = c["exact"] / max(1, c["found"]), c["exact"] / max(1, c["gold"])
        print(f"{name:12} {k:13} n {c['gold']:5}  overlap P {p:.3f} R {r:.3f} F {f1(p, r):.3f}   exact F {f1(ep, er):.3f}")
    print(f"{name:12} characters   recall {covered / max(1, total):.3f} precision {covered / max(1, predicted):.3f}")


def read_gold(path):
    """Texts parted by lines of three dashes, each under a line `# name`, with `[[KIND|value]]` marks."""
    import re
    texts, gold = [], []
    for block in re.split(r"^---\n", open(path, encoding="utf8").read(), flags=re.M):
        block = re.sub(r"\A(?:#[^\n]*\n)+", "", block).strip("\n")
        text, spans, at = "", [], 0
        for m in re.finditer(r"\[\[([A-Z_]+)\|(.*?)\]\]", block, re.S):
            text += block[at:m.start()]
            kind = SAME.get(m.group(1), m.group(1))
            spans.append((len(text), len(text) + len(m.group(2)), kind))
            text += m.group(2)
            at = m.end()
        texts.append(text + block[at:])
        gold.append(spans)
    return texts, gold


def main(binary, sentences=None, gold_folder=None):
    if sentences:
        rows = [json.loads(line) for line in gzip.open(sentences, "rt")]
        texts = [r["full_text"] for r in rows]
        gold = [joined(t, [(s["start_position"], s["end_position"], SAME.get(s["entity_type"], s["entity_type"])) for s in r["spans"]]) for t, r in zip(texts, rows)]
        raw = find(binary, texts)
        found = []
        for t, f in zip(texts, raw):
            scores = {(a, k): s for a, b, k, s in f}
            found.append([(a, b, k, scores.get((a, k), 1.0)) for a, b, k in joined(t, [x[:3] for x in f])])
        found = without_ruled(gold, found)
        for floor in (0.0, 0.6, 0.7):
            measure(f"floor {floor}", texts, gold, found, floor, detail=floor == 0.0)
    for path in sorted(glob.glob(f"{gold_folder}/*.txt")) if gold_folder else []:
        texts, gold = read_gold(path)
        measure(os.path.basename(path)[:-4], texts, gold, without_ruled(gold, find(binary, texts)), detail="-v" in sys.argv)
    rng = random.Random(3)
    code = sorted(glob.glob("/root/.cargo/registry/src/*/*/src/*.rs"))
    groups = {"code": rng.sample(code, min(60, len(code))), "licences": [f"/usr/share/common-licenses/{n}" for n in ("GPL-2", "Artistic", "BSD")],
              "logs": ["/var/log/dpkg.log", "/var/log/apt/history.log", "/var/log/apt/term.log", "/var/log/alternatives.log"]}
    for name, paths in groups.items():
        texts = [open(p, encoding="utf8", errors="replace").read()[:60000] for p in paths if os.path.exists(p)]
        found = find(binary, texts)
        size = sum(len(t) for t in texts)
        seen = collections.Counter(k for f in found for _, _, k, _ in f)
        print(f"{name:9} {size:7} characters, per 100 KB:", {k: round(1e5 * n / size, 1) for k, n in sorted(seen.items())})


main(*[a for a in sys.argv[1:] if a != "-v"])
