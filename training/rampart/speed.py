"""CPU time of ONNX Runtime on Rampart, one thread: `speed.py MODEL_FOLDER TEXTS`, a text a line.

Prints bytes, pieces, CPU-seconds and MB per CPU-second, without the time to load. The Rust encoder on the same lines:
`time encode MODEL VOCAB --time < TEXTS`, whose loading takes some 0.1 s.
"""

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def main(folder, lines):
    texts = Path(lines).read_text().splitlines()
    cut = Tokenizer.from_file(str(folder / "tokenizer.json"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "onnx/model_q4.onnx"), options, providers=["CPUExecutionProvider"])
    start, pieces = time.process_time(), 0
    for text in texts:
        ids = np.array([[2, *cut.encode(text, add_special_tokens=False).ids[:510], 3]], "i8")
        session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})
        pieces += ids.shape[1]
    spent = time.process_time() - start
    size = sum(len(text.encode()) + 1 for text in texts)
    print(f"{size} bytes, {pieces} pieces, {spent:.2f} CPU-seconds, {size / 1e6 / spent:.4f} MB per CPU-second")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
