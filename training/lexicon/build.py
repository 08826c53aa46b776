"""Makes the lexicon of names and common words: `python build.py WORK OUT.bin`; see README.md for what WORK holds.

Layout of the file, all numbers little-endian: the magic `PLX1`; a u32 with the number of buckets, a power of two; as
many u32 and one more, the index of the first entry of each bucket; then entries of three bytes: 16 bits of the hash of
the word and its flags. A word is hashed in lower case and NFC: FNV-1a of 64 bits over its UTF-8, then
`h ^= h >> 32; h *= 0x9e3779b97f4a7c15; h ^= h >> 29`; the bucket is in the lowest bits, the entry in the highest 16.

Flags: 1 given name, 2 surname, 4 some name (humannames), bits 3-4 how common the word is (0-3), bits 5-7 the cue
(order of `CUES`, from 1).
"""
import collections
import glob
import importlib
import json
import pathlib
import re
import struct
import sys
import unicodedata
import zipfile

from faker.config import AVAILABLE_LOCALES

HERE = pathlib.Path(__file__).resolve().parent
NER = HERE.parent / "ner"
LANGUAGES = "en de fr es it nl pt pl sv tr ja zh hi ar ru".split()
CUES = "greeting title field after signoff verb firm".split()
BUCKETS = 1 << 15
GIVEN, SURNAME, SOME = 1, 2, 4
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")
WORD = re.compile(r"[^\W\d_]+(?:[\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0610-\u061a\u064b-\u065f\u0670\u200c\u200d]+[^\W\d_]*)*")


def fold(word):
    """The form that is looked up."""
    return unicodedata.normalize("NFC", word).lower()


def flat(values):
    """The texts in nested lists."""
    for value in values or ():
        if isinstance(value, str):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from flat(value)


def pieces(name):
    """The words of a name, as the tokenizer cuts it; a name in Han or Kana as a whole."""
    if UNSPACED.fullmatch(name):
        yield name
        return
    for word in WORD.findall(unicodedata.normalize("NFC", name)):
        if len(word) > 1 and not UNSPACED.search(word):
            yield fold(word)


def russian(word):
    """Case forms of a Russian given name or surname."""
    if word.endswith(("ов", "ев", "ин", "ын")):
        return [word + e for e in ("а", "у", "ым", "е", "ой", "ы")]
    if word.endswith(("ова", "ева", "ина", "ына")):
        return [word[:-1] + e for e in ("ой", "у", "")]
    if word.endswith(("ский", "цкий")):
        return [word[:-2] + e for e in ("ого", "ому", "им", "ом", "ая", "ой", "ую")]
    if word.endswith(("ская", "цкая")):
        return [word[:-2] + e for e in ("ой", "ую", "ий")]
    if word.endswith("ия"):
        return [word[:-1] + e for e in ("и", "ю", "ей")]
    if word.endswith("я"):
        return [word[:-1] + e for e in ("и", "е", "ю", "ей")]
    if word.endswith("а"):
        return [word[:-1] + e for e in ("ы", "и", "е", "у", "ой")]
    if word.endswith("й"):
        return [word[:-1] + e for e in ("я", "ю", "ем", "е")]
    if word.endswith("ь"):
        return [word[:-1] + e for e in ("я", "ю", "ем", "и")]
    if word[-1:] in "бвгдзклмнпрстфхцчшж":
        return [word + e for e in ("а", "у", "ом", "е")]
    return []


def polish(word):
    """Case forms of a Polish given name or surname."""
    if word.endswith(("ski", "cki", "dzki")):
        return [word[:-1] + e for e in ("iego", "iemu", "im", "a", "iej", "ą", "ich")]
    if word.endswith(("ska", "cka", "dzka")):
        return [word[:-1] + e for e in ("iej", "ą", "i")]
    if word.endswith("a"):
        return [word[:-1] + e for e in ("y", "i", "ie", "ę", "ą", "o")]
    if word.endswith("ek"):
        return [word[:-2] + e for e in ("ka", "kowi", "kiem", "ku")]
    if word[-1:] in "bcdfghjklmnprstwz":
        return [word + e for e in ("a", "owi", "em", "ie")]
    return []


def names(work):
    """Given names and surnames, folded; single characters of Chinese names too."""
    given, surname = set(), set()
    inflected = {"ru": russian, "uk": russian, "pl": polish}

    def add(language, kind, values):
        target = given if kind == "first" else surname
        for value in flat(values):
            if "{" in value or len(value) > 40:
                continue
            for piece in pieces(value):
                target.add(piece)
                target.update(inflected.get(language, lambda _: [])(piece))
            if language == "zh" and UNSPACED.fullmatch(value) and len(value) <= 2:
                target.update(value if kind == "first" else [value])

    for locale in AVAILABLE_LOCALES:
        try:
            provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        except ModuleNotFoundError:
            continue
        for attribute in sorted(dir(provider)):
            value = getattr(provider, attribute)
            if isinstance(value, (list, tuple, dict)):
                for kind in ("first", "last"):
                    if attribute.startswith(kind + "_name") or attribute.startswith(kind + "_romanized"):
                        add(locale[:2], kind, value)
    for locale, d in json.loads((work / "faker-js.json").read_text()).items():
        add(locale[:2], "first", d["first"])
        add(locale[:2], "last", d["last"])
    for path in sorted((NER / "lists").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, _, value = line.partition("\t")
            if kind in ("first", "last"):
                add(path.stem, kind, [value])
    human = set()
    for name in json.loads((work / "npm/node_modules/humannames/index.json").read_text()):
        human.update(p for p in pieces(name) if len(p) > 2)
    return given, surname, human


def catalogue(data):
    """The translations of a compiled gettext catalogue."""
    import gettext
    import io

    return list(flat(gettext.GNUTranslations(io.BytesIO(data))._catalog.values()))


def nested(value):
    """All texts of a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from nested(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nested(inner)


def interface_texts(work):
    """(language, text) of the interfaces of programs, and of the templates without their slots."""
    alias = {"zh_Hans": "zh", "zh-Hans": "zh", "pt_BR": "pt", "pt-BR": "pt", "zh": "zh", "es_MX": "es", "nl": "nl"}

    def language(code):
        code = alias.get(code, code)
        return code if code in LANGUAGES else None

    for path in sorted(glob.glob(str(work / "dl/*.whl"))):
        with zipfile.ZipFile(path) as wheel:
            for name in sorted(wheel.namelist()):
                found = re.search(r"/locale/([A-Za-z_]+)/LC_MESSAGES/\w+\.mo$", name)
                if found and language(found.group(1)):
                    for text in catalogue(wheel.read(name)):
                        yield language(found.group(1)), text
                found = re.search(r"/translations/([A-Za-z_]+)/LC_MESSAGES/messages\.po$", name)
                if found and language(found.group(1)):
                    raw = wheel.read(name).decode("utf-8")
                    for text in re.findall(r'^msgstr(?:\[\d\])? ((?:"(?:[^"\\]|\\.)*"\s*)+)', raw, re.M):
                        yield language(found.group(1)), " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
                if found and found.group(1) in ("de",):
                    for text in re.findall(r'^msgid ((?:"(?:[^"\\]|\\.)*"\s*)+)', raw, re.M):
                        yield "en", " ".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
                found = re.search(r"static/translations/(?:[\w-]+/)?([A-Za-z]{2}(?:-Hans|-BR)?)-[0-9a-f]+\.json$", name)
                if found and language(found.group(1)):
                    for text in nested(json.loads(wheel.read(name))):
                        yield language(found.group(1)), text
    for path in sorted((NER / "templates").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                line = re.sub(r"\[[A-Z_]+:[^\]]*\]|\{\w+\}", " | ", line.replace("\\n", "\n"))
                yield path.stem.split(".")[-1], line


def common_words(work, is_name):
    """How common words are, 1-3: seen once or twice, more often, more often in small letters."""
    lower, upper, pairs = collections.Counter(), collections.Counter(), collections.Counter()
    for language, text in interface_texts(work):
        text = re.sub(r"<[^>]*>|%\(\w+\)\w|\{[^}]*\}|https?:\S+|\\n", " ", text)
        text = unicodedata.normalize("NFC", text)
        for run in UNSPACED.findall(text):
            pairs.update(run[i : i + 2] for i in range(len(run) - 1))
        for word in WORD.findall(text):
            if len(word) > 1 and not UNSPACED.search(word) and not re.search(r"[a-z][A-Z]", word):
                if word[0].isupper():
                    upper[fold(word)] += 1
                else:
                    lower[fold(word)] += 1
    for size in ("10", "20", "35", "40", "50"):
        for word in json.loads((work / "scowl.json").read_text()).get(f"english/{size}", []):
            if word.isalpha() and word.islower() and len(word) > 1:
                lower[word] += 3 if size in ("10", "20", "35") else 1
    level = {}
    for word in set(lower) | set(upper):
        total = lower[word] + upper[word]
        if lower[word] >= 3:
            level[word] = 3
        elif total >= 3 and not (is_name(word) and not lower[word]):
            level[word] = 2
        elif lower[word] or not is_name(word):
            level[word] = 1
    level.update((pair, 3) for pair, n in pairs.items() if n >= 6)
    return level


def cues():
    """The kind of each cue, from 1."""
    out = {}
    for line in (HERE / "cues.txt").read_text(encoding="utf-8").splitlines():
        kind, _, words = line.partition(" ")
        if kind in CUES:
            for word in words.split():
                out.setdefault(fold(word), CUES.index(kind) + 1)
    return out


def spread(word):
    """The hash of a folded word."""
    mask = (1 << 64) - 1
    h = 0xCBF29CE484222325
    for byte in word.encode():
        h = (h ^ byte) * 0x100000001B3 & mask
    h ^= h >> 32
    h = h * 0x9E3779B97F4A7C15 & mask
    return h ^ h >> 29


def main():
    """Writes the lexicon and prints what it holds."""
    work, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    given, surname, human = names(work)
    level = common_words(work, lambda w: w in given or w in surname)
    flags = collections.Counter()
    for word in given:
        flags[word] |= GIVEN
    for word in surname:
        flags[word] |= SURNAME
    # What was taken from the web counts only for words that no interface uses.
    for word in human:
        if level.get(word, 0) < 2:
            flags[word] |= SOME
    for word, n in level.items():
        flags[word] |= n << 3
    for word, kind in cues().items():
        flags[word] |= kind << 5
    buckets = collections.defaultdict(dict)
    for word in sorted(flags):
        h = spread(word)
        entries = buckets[h & (BUCKETS - 1)]
        entries[h >> 48] = entries.get(h >> 48, 0) | flags[word]
    starts, body = [0], b""
    parts = []
    count = 0
    for bucket in range(BUCKETS):
        for key, value in sorted(buckets[bucket].items()):
            parts.append(struct.pack("<HB", key, value))
            count += 1
        starts.append(count)
    out.write_bytes(b"PLX1" + struct.pack("<I", BUCKETS) + struct.pack(f"<{len(starts)}I", *starts) + b"".join(parts))
    print(f"given {len(given)}, surnames {len(surname)}, others {len(human)}, common {collections.Counter(level.values())}, "
          f"entries {count}, bytes {out.stat().st_size}")


if __name__ == "__main__":
    main()
