"""Temperature by which the probabilities fit held-out templates: `python calibrate.py WORK PARAMS.npz [FOLDER]`.

Minimises the negative log-likelihood of the labels on the filled templates that were held out of training (silver and negative texts are
left out: their labels are guesses). Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""
import json
import sys

import numpy as np

import train


def main(work, params, folder="data"):
    p = dict(np.load(params))
    types, tokens, windows = train.load(f"{work}/{folder}/dev")
    lines = [json.loads(line)["g"] for line in open(f"{work}/dev.jsonl")]
    templates = np.array([len(g) == 2 for g in lines])
    batches = train.Batches((types, tokens, windows), np.random.default_rng(1))
    batches.buckets = [b[templates[windows[b, 2]]] for b in batches.buckets]
    logits, labels = [], []
    for f, index, spaced, casing, valid, label in batches.epoch():
        out = np.asarray(train.tag(p, f, index, spaced, casing, valid))
        keep = (valid > 0) & (label != 255)
        logits.append(out[keep])
        labels.append(label[keep])
    logits, labels = np.concatenate(logits), np.concatenate(labels)

    def loss(t):
        z = logits / t
        z = z - z.max(1, keepdims=True)
        return -(z[np.arange(len(z)), labels] - np.log(np.exp(z).sum(1))).mean()
    grid = np.arange(0.8, 4.01, 0.1)
    best = min(grid, key=loss)
    print(f"{len(labels)} tokens, loss {loss(1.0):.4f} at 1.0, {loss(best):.4f} at {best:.1f}")


main(*sys.argv[1:])
