"""The forward pass in numpy, 64 bits, from the weights file: `python reference.py FEATURIZE WEIGHTS.bin OUT.json`.

Written from the description of the file, not from the Rust code; `privet-inference`'s tests hold Rust against its output.
"""
import json
import subprocess
import sys
import tempfile

import numpy as np

ROWS = (24576, 32768, 2048)
TEXTS = ["My name is Anna Berger and I live in Graz, Austria.", "THE MEETING WITH OMAR HADDAD IS ON 12 MAY 2025", "fn main() { let x = 3; }",
         "Ship to:\nMaria Lopez\nCalle Mayor 12\n28013 Madrid", "田中さんは東京のトヨタで働いています。", "живёт в Москве", "ok thx sven, cu at 5pm", "{\"name\": \"li wei\"}"]


def read(path):
    data = open(path, "rb").read()
    at = 8

    def take(*shape):
        nonlocal at
        n = int(np.prod(shape))
        out = np.frombuffer(data, "<f4", n, at).astype(np.float64).reshape(shape)
        at += 4 * n
        return out
    temperature = take(1)[0]
    tables = []
    for rows in ROWS:
        scale = take(rows)
        values = np.frombuffer(data, np.int8, rows * 64, at).reshape(rows, 64)
        at += rows * 64
        tables.append(values * scale[:, None])
    bias, spaced, casing = take(64), take(2, 64), take(4, 64)
    layers = [(take(64), take(64), take(192, 64), take(64)) for _ in range(5)]
    return temperature, tables, bias, spaced, casing, layers, take(64), take(64), take(64, 25), take(25)


def norm(x, gain, offset):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * gain + offset


def tag(weights, f, spaces, case):
    temperature, (words, parts, shapes), bias, spaced, casing, layers, gain, offset, out, out_bias = weights
    x = np.zeros((len(f), 64))
    for i, row in enumerate(f):
        n = row[18]
        part = parts[row[2:2 + n]].sum(0) / np.sqrt(max(1, n))
        x[i] = np.maximum(words[row[0]] + words[row[1]] + part + shapes[row[19]] + shapes[row[20]] + bias, 0)
    x += spaced[spaces] + casing[case]
    for (g, o, kernel, b), d in zip(layers, (1, 2, 4, 1, 2)):
        y = np.pad(norm(x, g, o), ((d, d), (0, 0)))
        joined = np.concatenate([y[:-2 * d], y[d:-d], y[2 * d:]], 1)
        x = x + np.maximum(joined @ kernel + b, 0)
    logits = (norm(x, gain, offset) @ out + out_bias) / temperature
    return logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)) - logits.max(1, keepdims=True)


def main(featurize, path, out):
    weights = read(path)
    with tempfile.TemporaryDirectory() as folder:
        lines = "".join(json.dumps({"t": t, "s": []}) + "\n" for t in TEXTS)
        subprocess.run([featurize, folder], input=lines.encode(), check=True)
        types = np.fromfile(f"{folder}/types.u32", "<u4").reshape(-1, 21).astype(np.int64)
        tokens = np.fromfile(f"{folder}/tokens.u32", "<u4").reshape(-1, 3).astype(np.int64)
        windows = np.fromfile(f"{folder}/windows.u32", "<u4").reshape(-1, 3).astype(np.int64)
    cases, at = [[t, []] for t in TEXTS], 0
    for count, case, line in windows:
        held = tokens[at:at + count]
        at += count
        cases[line][1] += np.round(tag(weights, types[held[:, 0]], held[:, 2], case), 4).tolist()
    json.dump(cases, open(out, "w"), ensure_ascii=False)


main(*sys.argv[1:])
