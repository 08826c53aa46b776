"""Texts of our own, harmful and harmless, from `templates/`: `python generate.py OUT.jsonl [DOCS.jsonl]`.

A template is filled, put between harmless sentences now and then, and written carelessly now and then. Standard library only.
"""
import glob
import json
import os
import random
import re
import sys

random.seed(20261130)
CATEGORIES = ("hate", "sexual", "violence", "self_harm", "weapons_and_crime")
# What a text of a category may be besides; it is neither learnt nor measured there.
UNSURE = {"hate": ["violence"], "violence": ["weapons_and_crime", "hate"], "self_harm": ["violence"], "weapons_and_crime": ["violence"], "sexual": []}
# Fillings of a template.
MOST = {"en": 60}


def read(path):
    slots, blocks, name, kind = {}, [], None, None
    for line in open(path, encoding="utf8"):
        line = line.rstrip("\n")
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(("= ", "+ ", "- ")):
            kind, name = line[0], line[2:].strip()
        elif kind == "=":
            slots.setdefault(name, []).extend(part.strip() for part in line.split(" | "))
        else:
            blocks.append((kind, name, line))
    return slots, blocks


def fill(text, slots):
    for _ in range(12):
        slot = re.search(r"\{(\w+)\}", text)
        if slot:
            text = text[: slot.start()] + random.choice(slots[slot.group(1)]) + text[slot.end() :]
            continue
        choice = re.search(r"\(([^()]*\|[^()]*)\)", text)
        if not choice:
            break
        text = text[: choice.start()] + random.choice(choice.group(1).split("|")) + text[choice.end() :]
    text = re.sub(r"\s*\|\s*", " ", text)
    return re.sub(r"\s+([,.!?;:])", r"\1", re.sub(r"\s{2,}", " ", text)).strip()


def careless(text):
    draw = random.random()
    if draw < 0.10:
        text = text.lower()
    elif draw < 0.12:
        text = text.upper()
    if random.random() < 0.15:
        text = text.rstrip(".?!。?!")
    if random.random() < 0.05 and len(text) > 20:
        at = random.randrange(1, len(text) - 2)
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def main(out, docs=None):
    harmless = [json.loads(line)["text"] for line in open(docs, encoding="utf8")] if docs else []
    harmless = [text for text in harmless if 40 < len(text) < 600]
    written, count = open(out, "w", encoding="utf8"), {}
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates", "*.txt"))):
        language = os.path.basename(path)[:-4]
        slots, blocks = read(path)
        plain = [text for kind, name, text in blocks if kind == "-" and name in ("plain", "idiom", "health")]
        for kind, name, template in blocks:
            categories = name.split() if kind == "+" else []
            assert all(c in CATEGORIES for c in categories), (path, name)
            unsure = sorted({u for c in categories for u in UNSURE[c]} - set(categories))
            seen = set()
            for _ in range(MOST.get(language, 40) * (2 if name == "plain" and "{topic}" in template else 1)):
                text = careless(fill(template, slots))
                draw = random.random()
                if draw < 0.12:
                    text = f"{fill(random.choice(plain), slots)} {text}"
                elif draw < 0.24:
                    text = f"{text} {fill(random.choice(plain), slots)}"
                elif draw < 0.30 and harmless:
                    text = f"{random.choice(harmless)}\n{text}"
                elif draw < 0.34 and harmless:
                    text = f"{text}\n{random.choice(harmless)}"
                if text in seen:
                    continue
                seen.add(text)
                block = name.split()[0]
                row = {"text": text, "categories": categories, "unsure": unsure, "source": f"own/{language}/{block}", "split": "train", "ship": True, "language": language}
                written.write(json.dumps(row, ensure_ascii=False) + "\n")
                count[block] = count.get(block, 0) + 1
        # Longer texts, of several templates of a kind.
        for block in [b for b in {n: 0 for _, n, _ in blocks}]:
            own = [text for kind, name, text in blocks if name == block]
            is_harmful = block in CATEGORIES
            for _ in range({"en": 500}.get(language, 60) if is_harmful else {"en": 500}.get(language, 50)):
                parts = [fill(random.choice(own), slots) for _ in range(random.choice([2, 3, 4, 6]))]
                if random.random() < 0.3:
                    parts.insert(random.randrange(len(parts)), fill(random.choice(plain), slots))
                text = random.choice([" ", " ", "\n", "\n\n", "\n- "]).join(parts)
                row = {"text": text, "categories": [block] if is_harmful else [], "unsure": UNSURE.get(block, []), "source": f"own/{language}/{block}", "split": "train", "ship": True, "language": language}
                written.write(json.dumps(row, ensure_ascii=False) + "\n")
                count[block] = count.get(block, 0) + 1
    print(json.dumps(count))


main(*sys.argv[1:])
