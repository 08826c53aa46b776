"""Harmless texts from what is on the machine: `python corpus.py WORK OUT.jsonl`; README.md says what WORK holds.

Whole sources are kept back (`hold`): they are never trained on, and thresholds are measured on them. Package descriptions, manual
pages and guides of Debian, sources and notes of Rust crates and Python packages, translated interface texts. Standard library only.
"""
import glob
import gzip
import hashlib
import json
import os
import random
import re
import subprocess
import sys

random.seed(20261130)
HELD_LANGUAGES = {"ko", "uk", "cs", "hu", "it", "nl", "ja", "pt%5fBR"}
HELD_PACKAGES = {"flask", "requests", "sphinx", "django_allauth", "nltk", "mteb", "pytest", "prompttools", "giskard", "haystack_ai", "open_interpreter"}
HELD_MANUALS = {"fr", "es", "ru", "ja", "cs", "uk"}
# Texts that speak of attacks on models may quote them; they are left out rather than called harmless.
ABOUT_ATTACKS = re.compile(r"jailbreak|prompt.injection|ignore (all|any|the|your)? ?(previous|prior|above)|do anything now|system prompt", re.I)


def main(work, path):
    out = open(path, "w", encoding="utf8")
    count, seen = {}, set()

    def put(text, source, split, origin):
        text = text.strip()
        key = hashlib.sha256(text.encode()).digest()[:8]
        if len(text) < 12 or key in seen or ABOUT_ATTACKS.search(text):
            return False
        seen.add(key)
        count[source] = count.get(source, 0) + 1
        row = {"text": text, "label": 0, "source": f"corpus/{source}", "split": split, "ship": True, "origin": origin}
        out.write(json.dumps(row, ensure_ascii=False) + "\n")
        return True

    def chunks(text):
        at = 0
        while at < len(text):
            size = random.choice([150, 300, 600, 1000, 2000, 3500])
            yield text[at : at + size]
            at += size

    def split_of(name, held=0.4):
        return "hold" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100 < 100 * held else "train"

    # Package descriptions.
    for listed in sorted(glob.glob(f"{work}/apt/lists/*bookworm_main_i18n_Translation-*")):
        language = listed.rsplit("Translation-", 1)[1].split(".")[0]
        raw = subprocess.run(["lz4cat" if listed.endswith("lz4") else "cat", listed], capture_output=True).stdout.decode("utf8", "replace")
        stanzas = raw.split("\n\n")
        random.shuffle(stanzas)
        split, most = ("hold", 1200) if language in HELD_LANGUAGES else ("train", 900)
        if language == "en":
            split, most = "train", 4000
        for stanza in stanzas:
            body = re.search(r"\nDescription-\S+: (.*)", stanza, re.S)
            if body and count.get(f"descriptions/{language}", 0) < most:
                put(re.sub(r"\n ", "\n", re.sub(r"\n \.\n", "\n\n", body.group(1)))[:2500], f"descriptions/{language}", split, random.choice(["document", "document", "tool", "user"]))
    # Manual pages.
    pages = sorted(glob.glob(f"{work}/apt/x/usr/share/man/**/*.gz", recursive=True))
    random.shuffle(pages)
    for page in pages:
        language = page.split("/man/")[1].split("/")[0]
        language = "en" if language.startswith("man") else language.split("_")[0].split(".")[0]
        source = f"manuals/{language}"
        if os.path.islink(page) or count.get(source, 0) > (3500 if language == "en" else 700):
            continue
        text = gzip.open(page).read().decode("utf8", "replace")
        text = "\n".join(line for line in text.split("\n") if not line.startswith(('.\\"', "'\\\"")))
        text = re.sub(r"\\f.|\\&|^\.\w+ ?", "", text, flags=re.M).replace("\\-", "-")
        split = "hold" if language in HELD_MANUALS else "train"
        for piece in list(chunks(text))[:6]:
            put(piece, source, split if language != "en" else split_of(page), random.choice(["document", "tool"]))
    # Guides.
    for page in sorted(glob.glob(f"{work}/apt/x/usr/share/doc/**/*.html", recursive=True)) + sorted(glob.glob(f"{work}/apt/x/usr/share/**/*.html", recursive=True)):
        name = page.split("/share/")[1].split("/")[1]
        if os.path.islink(page) or count.get(f"guides/{name}", 0) > 3000:
            continue
        text = open(page, encoding="utf8", errors="replace").read()
        text = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
        text = re.sub(r"&\w+;|&#\d+;", " ", re.sub(r"<[^>]*>", "", text))
        for piece in list(chunks(re.sub(r"\n\s*\n+", "\n\n", text)))[:8]:
            put(piece, f"guides/{name}", split_of(name, 0.5), "document")
    # What is said at the start of sessions.
    for path in sorted(glob.glob(f"{work}/apt/x/usr/share/games/fortunes/**/*", recursive=True)):
        if os.path.isfile(path) and not path.endswith((".dat", ".u8")) and "/off" not in path:
            language = os.path.relpath(path, f"{work}/apt/x/usr/share/games/fortunes").split("/")[0]
            source = f"fortunes/{language if len(language) == 2 else 'en'}"
            for item in open(path, "rb").read().decode("utf8", "replace").split("\n%\n"):
                if "\ufffd" not in item and count.get(source, 0) < 700:
                    put(item[:1500], source, split_of(source), random.choice(["user", "document"]))
    # Licences and notes of this machine.
    for path in sorted(glob.glob("/usr/share/common-licenses/*") + glob.glob("/usr/share/doc/*/copyright"))[:700]:
        text = open(path, encoding="utf8", errors="replace").read()
        for piece in list(chunks(text))[:4]:
            put(piece, "licences", split_of(path), random.choice(["document", "user"]))
    # Code and notes of Rust crates.
    roots = sorted(glob.glob(os.path.expanduser("~/.cargo/registry/src/*/*")))
    for root in roots:
        split = split_of(os.path.basename(root))
        files = [f for f in glob.glob(f"{root}/**/*", recursive=True) if f.endswith((".rs", ".md", ".toml", ".yml", ".c", ".h", ".json", ".sh", ".py"))]
        random.shuffle(files)
        for path in files[:14]:
            try:
                text = open(path, encoding="utf8").read()[:60_000]
            except (OSError, UnicodeDecodeError):
                continue
            pieces = list(chunks(text))
            random.shuffle(pieces)
            kind = "notes" if path.endswith(".md") else "code"
            for piece in pieces[:3]:
                put(piece, f"crates/{kind}_{split}", split, random.choice(["user", "document", "tool"]))
    # Python: the standard library, and packages; their prompt templates are texts that look like instructions.
    files = [f for f in sorted(glob.glob("/usr/lib/python3.11/**/*.py", recursive=True)) if "/test/" not in f]
    random.shuffle(files)
    for path in files[:400]:
        text = open(path, encoding="utf8", errors="replace").read()[:60_000]
        pieces = list(chunks(text))
        random.shuffle(pieces)
        for piece in pieces[:4]:
            put(piece, "python/library", split_of(path), random.choice(["user", "document", "tool"]))
    for root in sorted(glob.glob(f"{work}/pkg/x/*")):
        name = os.path.basename(root)
        split = "hold" if name in HELD_PACKAGES else "train"
        files = [f for f in glob.glob(f"{root}/**/*", recursive=True) if f.endswith((".py", ".md", ".rst", ".txt", ".yml", ".yaml", ".html", ".json", ".js")) and os.path.isfile(f)]
        files = [f for f in files if "inject" not in f and "jailbreak" not in f and "toxic" not in f]
        random.shuffle(files)
        for path in files[:160]:
            text = open(path, encoding="utf8", errors="replace").read()[:60_000]
            pieces = list(chunks(text))
            random.shuffle(pieces)
            for piece in pieces[:4]:
                put(piece, f"packages/{name}", split, random.choice(["user", "document", "tool"]))
            # Long texts inside code: prompts, messages, docstrings.
            for quoted in re.findall(r'"""(.{40,1500}?)"""', text, re.S)[:6]:
                put(quoted, f"strings/{name}", split, random.choice(["user", "document"]))
        for path in glob.glob(f"{root}/**/locale/*/LC_MESSAGES/*.po", recursive=True):
            language = path.split("/locale/")[1].split("/")[0]
            raw = open(path, encoding="utf8", errors="replace").read()
            texts = ["".join(re.findall(r'"(.*)"', v)) for v in re.findall(r'^msgstr(?:\[\d\])? ((?:".*"\n?)+)', raw + "\n", re.M)]
            texts = [t.replace("\\n", "\n").replace('\\"', '"') for t in texts if len(t) > 25]
            random.shuffle(texts)
            for text in texts[:60]:
                put(text, f"interface/{language}", split, "user")
    total = {"train": 0, "hold": 0}
    out.close()
    for line in open(sys.argv[2], encoding="utf8"):
        total[json.loads(line)["split"]] += 1
    print(json.dumps(count, indent=0), total)


main(*sys.argv[1:])
