"""Writes crates/privet-pii/src/language/trigrams.txt: how much each trigram of letters speaks for which language.

Input: the templates of ../ner/templates, sentences of our own writing in the ten languages of the Latin script. The gold
texts of crates/privet-pii are not read; they are what the result is tested on (tests/it/language.rs).

Run: python3 training/language/trigrams.py (Python 3.9 or later, no packages; 1 s). The same output every time.

Method: trigrams of lower-case words, the word's bounds counted as a letter (written `_`). For the TRIGRAMS most frequent
ones: the natural logarithm of their share in each language, half a trigram added to each count, less the mean over the
languages, in steps of STEP nats. A text speaks for the language with the greatest sum (naive Bayes; Cavnar & Trenkle,
"N-Gram-Based Text Categorization", SDAIR 1994, use ranks in its place).
"""

import math
import re
from collections import Counter
from pathlib import Path

LANGUAGES = ["nl", "en", "fr", "de", "it", "pl", "pt", "es", "sv", "tr"]
TRIGRAMS = 2000
STEP = 0.25
# Weights are written as letters: this one stands for 0.
ZERO = ord("Q")

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE.parent / "ner" / "templates"
OUTPUT = HERE.parent.parent / "crates" / "privet-pii" / "src" / "language" / "trigrams.txt"


def sentences(language: str) -> str:
    """All templates of a language without their places for values and the names in them."""
    files = sorted(TEMPLATES.glob(f"*{language}.txt"))
    text = " ".join(f.read_text(encoding="utf-8") for f in files)
    text = re.sub(r"\[[A-Z_]+:.*?\]", " ", text)
    return re.sub(r"\{[^}]*\}", " ", text).replace("\\n", " ")


def trigrams(text: str):
    for token in text.split():
        if re.search(r"[\d=_/@<>{}]", token.strip(".,;:()\"")):
            continue
        for word in re.findall(r"[^\W\d_]+", token):
            word = f"_{word.lower()}_"
            for at in range(len(word) - 2):
                yield word[at : at + 3]


def main() -> None:
    counts = {language: Counter(trigrams(sentences(language))) for language in LANGUAGES}
    total = Counter()
    for count in counts.values():
        total.update(count)
    chosen = sorted(total, key=lambda t: (-total[t], t))[:TRIGRAMS]
    lines = []
    for trigram in sorted(chosen):
        logs = [
            math.log((counts[l][trigram] + 0.5) / (sum(counts[l].values()) + 0.5 * TRIGRAMS))
            for l in LANGUAGES
        ]
        mean = sum(logs) / len(logs)
        steps = [max(-16, min(41, round((log - mean) / STEP))) for log in logs]
        lines.append(trigram + " " + "".join(chr(ZERO + step) for step in steps))
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} trigrams of {sum(total.values())} in {len(LANGUAGES)} languages")


if __name__ == "__main__":
    main()
