"""Writes trained parameters as the weights file of `privet-inference`: `python export.py PARAMS.npz OUT.bin TEMPERATURE`."""
import sys

import numpy as np


def checksum(data):
    """FNV-1a over 64-bit little-endian words."""
    data += b"\0" * (-len(data) % 8)
    value = 0xCBF29CE484222325
    for word in np.frombuffer(data, "<u8").tolist():
        value = ((value ^ word) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def quantised(table):
    """Rows as signed bytes with one scale each."""
    scale = np.maximum(np.abs(table).max(1), 1e-8) / 127
    return scale.astype("<f4"), np.round(table / scale[:, None]).astype(np.int8)


def main(params, out, temperature):
    p = {k: np.asarray(v, np.float64) for k, v in np.load(params).items()}
    width = p["word"].shape[1]
    # The mixing matrix is linear in the tables: it is multiplied into them, so that the network need not.
    tables = [p["word"] @ p["mix"][:width], p["part"] @ p["mix"][width:2 * width], p["shape"] @ p["mix"][2 * width:]]
    body = b"PRIVNER1" + np.float32(temperature).tobytes()
    for table in tables:
        scale, rows = quantised(table)
        body += scale.tobytes() + rows.tobytes()
    f4 = lambda x: np.asarray(x, "<f4").tobytes()
    body += f4(p["mix_b"]) + f4(p["spaced"]) + f4(p["casing"])
    layer = 0
    while f"conv{layer}" in p:
        body += f4(p[f"norm{layer}_g"]) + f4(p[f"norm{layer}_b"]) + f4(p[f"conv{layer}"]) + f4(p[f"conv{layer}_b"])
        layer += 1
    body += f4(p["normo_g"]) + f4(p["normo_b"]) + f4(p["out"]) + f4(p["out_b"])
    open(out, "wb").write(body + checksum(body).to_bytes(8, "little"))
    print(len(body) + 8, "bytes")


main(*sys.argv[1:])
