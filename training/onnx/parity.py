"""Compares Privet with ONNX Runtime on a token classifier: pieces, scores and CPU time.

    cargo build --release --example classify --package privet-inference
    python parity.py MODEL.onnx VOCAB.txt HEADS TEXT.txt

For uncased text. `TEXT.txt`: a sentence a line. The time is that of one thread without start, by the difference between
the text and twice the text.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import BertWordPieceTokenizer

PROGRAM = "target/release/examples/classify"


def own(model, vocabulary, heads, text, *more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run([PROGRAM, model, vocabulary, heads, *more], input=text.encode(), capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ran.stdout.decode(), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(model, vocabulary, heads, path):
    lines = Path(path).read_text().splitlines()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    cut = BertWordPieceTokenizer(vocabulary, lowercase=True)
    names = [i.name for i in session.get_inputs()]

    def theirs(line):
        ids = np.array([cut.encode(line).ids], "i8")
        known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        return ids[0, 1:-1].tolist(), session.run(["logits"], {name: known[name] for name in names})[0][0]

    said, _ = own(model, vocabulary, heads, "\n".join(lines))
    most, pieces = 0.0, 0
    for line, answer in zip(lines, map(json.loads, said.splitlines()), strict=True):
        ids, logits = theirs(line)
        assert ids == answer["ids"], line
        pieces += len(ids)
        most = max(most, np.abs(np.array(answer["logits"]).reshape(logits.shape) - logits).max())
    print(f"{len(lines)} lines, {pieces} pieces, scores differ by {most:.1e} at most")

    text = "\n".join(lines) + "\n"
    once = min(own(model, vocabulary, heads, text, "--time")[1] for _ in range(3))
    twice = min(own(model, vocabulary, heads, text + text, "--time")[1] for _ in range(3))
    start = time.process_time()
    for line in lines:
        theirs(line)
    spent = time.process_time() - start
    size = len(text.encode()) / 1e6
    print(f"MB per CPU-second: Privet {size / (twice - once):.4f}, ONNX Runtime {size / spent:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
