"""More text without personal data, in all languages: `python negatives.py PO_FOLDER OUT.jsonl`.

Translated interface texts of Django, Wagtail, django-oscar, django-allauth, Sphinx, Mezzanine (BSD, MIT), Debian's package descriptions,
and fortunes, in which capitalised words and numbers are left out of the loss, since they may be names.
"""
import glob
import json
import os
import random
import re
import subprocess
import sys

random.seed(20261122)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{[^}]*\}")


def byte_spans(text, spans):
    return [[len(text[:a].encode()), len(text[:b].encode()), k] for a, b, k in spans]


def unsure(text):
    return byte_spans(text, [(m.start(), m.end(), "IGNORE") for m in re.finditer(r"\w+", text) if not m.group()[0].islower()])


def entries(path):
    raw = open(path, encoding="utf8", errors="replace").read()
    for block in raw.split("\n\n"):
        source = "".join(re.findall(r'"(.*)"', "".join(re.findall(r'^msgid ((?:".*"\n?)+)', block, re.M)[:1])))
        if len(source.split()) < 3:
            continue
        for value in re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\n?)+)', block + "\n", re.M):
            text = "".join(re.findall(r'"(.*)"', value)).replace("\\n", "\n").replace('\\"', '"')
            if text.strip():
                yield PLACEHOLDER.sub(lambda m: random.choice(["3", "12", "x", "100", m.group()]), text)


def main(po, out):
    out = open(out, "w")
    size = {}

    def put(group, text, spans):
        size[group] = size.get(group, 0) + len(text)
        out.write(json.dumps({"t": text, "s": spans, "g": group, "h": False}, ensure_ascii=False) + "\n")

    for language in ["ar", "hi", "tr", "sv", "ja", "zh_Hans", "pl", "ru", "nl", "de", "fr", "es", "it", "pt_BR", "pt", "zh_Hant", "uk", "cs", "el", "fa"]:
        texts = []
        for path in glob.glob(f"{po}/**/{language}/LC_MESSAGES/*.po", recursive=True):
            texts += entries(path)
        texts = sorted(set(texts))
        random.shuffle(texts)
        while texts:
            n = random.choice([1, 1, 1, 2, 3])
            text = random.choice([" ", "\n", "\n\n"]).join(texts[:n])
            del texts[:n]
            r = random.random()
            put("po-" + language, text.lower() if r < 0.1 else text.upper() if r < 0.14 else text, [])
    for language, most in {"de": 500_000, "fr": 500_000, "es": 500_000, "it": 500_000, "pl": 700_000, "ru": 700_000, "ja": 700_000, "tr": 50_000, "pt%5fBR": 500_000,
                           "nl": 100_000, "sv": 100_000, "zh%5fCN": 300_000}.items():
        for path in glob.glob(f"/var/lib/apt/lists/*bookworm_main_i18n_Translation-{language}.lz4"):
            raw = subprocess.run(["lz4cat", path], capture_output=True).stdout.decode("utf8", "replace")
            stanzas = raw.split("\n\n")
            random.shuffle(stanzas)
            total = 0
            for stanza in stanzas:
                body = re.search(r"\nDescription-\S+: (.*)", stanza, re.S)
                if body and total < most:
                    text = re.sub(r"\n ", " ", re.sub(r"\n \.\n", "\n\n", body.group(1)))[:500]
                    total += len(text)
                    put("descriptions-" + language, text, [])
    for language in ["de", "es", "it", "pl", "ru", "br"]:
        total = 0
        for path in sorted(glob.glob(f"/usr/share/games/fortunes/{language}/*") + glob.glob(f"/usr/share/games/fortunes/{language}")):
            if os.path.isfile(path) and not path.endswith((".dat", ".u8")):
                for item in open(path, "rb").read().decode("utf8", "replace").split("\n%\n"):
                    item = re.sub(r"(?<=\w)\n(?=\w)", " ", item.strip().replace("\t", " "))
                    if 20 < len(item) < 900 and "\ufffd" not in item and total < 700_000:
                        total += len(item)
                        put("fortunes-" + language, item, unsure(item))
    print(size)


main(*sys.argv[1:])
