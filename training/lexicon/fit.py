"""Fits what the evidence beside the network counts: `python fit.py EVIDENCE.jsonl OUT.rs [L2]`.

EVIDENCE is what `cargo run --release -p privet-pii --example gold -- --evidence FILE…` prints. A log-linear model over no
kind and six kinds: the logarithm of the network's probability times a factor, and weights for the features, with a ridge
penalty towards the network alone (factor 1, weights 0). Tokens inside values of other kinds (numbers, e-mail addresses) are
left out. Five-fold cross-validation over texts says what it brings; the shipped weights are fitted on all.
"""
import json
import sys

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

KINDS = ["PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME", "STREET_ADDRESS"]
SAME = {"DATE_OF_BIRTH": "DATE_TIME"}
# Number of features, as in `evidence.rs`.
FEATURES = 204
# Labels of the network: none, then four of each kind.
CLASS = np.array([0] + [1 + k // 4 for k in range(24)])
# Features that say that a token speaks in a chat (`evidence.rs`, `Lead::Speaker`); the texts differ on whether those who
# speak are annotated, so that the ones that are not are left out.
SPEAKER = set(range(118, 123))
# How much of what was fitted is used for each kind: places, groups and addresses stay near the network, since the texts it
# was fitted on hold few of them in plain sentences.
SHARE = np.array([0.9, 0.3, 0.3, 0.0, 0.5, 0.4])
# Then added to each kind of every word; where the words round it are English; and there to unknown words with a capital.
# Chosen by false findings against leaks on the texts above, and by the figures of sentences.dev (like a threshold).
EVERY = np.array([-1.3, -1.3, 0.0, 0.0, 0.0, -0.8])
ENGLISH = np.array([1.9, 1.6, 0.0, 0.0, 0.0, 1.1])
ENGLISH_UNKNOWN = np.array([1.7, 0.8, 0.0, 0.0, 0.0, 0.0])
# Taken back where a script has no capitals: the lists know too few of its words to doubt the network.
UNCASED = -EVERY
# Added to words that are not common, and to those of them that are names on the lists: with `src/doubt.rs` behind it, only
# common words need as much doubt.
RARE = np.array([1.0, 0.7, 0.0, 0.0, 0.0, 0.0])
KNOWN = np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
# `NAME_COMMON` of words that are not or hardly common, and of those of them that are a given name, a surname or both.
RARE_FEATURES = [4 * name + common for name in range(5) for common in (0, 1)]
KNOWN_FEATURES = [at for at in RARE_FEATURES if at >= 8]
# Features of which every word has exactly one (`CASE_NAME`), those of scripts without capitals among them, and those two.
ONE_EACH, UNCASED_FEATURES, UNKNOWN_FEATURE, ENGLISH_FEATURE = slice(20, 55), slice(45, 55), 202, 203


def load(path):
    """Scores, features, classes and text numbers of the tokens that have features."""
    scores, rows, classes, texts = [], [], [], []
    for number, line in enumerate(open(path, encoding="utf-8")):
        text = json.loads(line)
        for start, end, known, features in text["tokens"]:
            if not features:
                continue
            kind = 0
            for name, s, e in text["spans"]:
                if s < end and start < e:
                    name = SAME.get(name, name)
                    kind = 1 + KINDS.index(name) if name in KINDS else None
            if kind is None or kind == 0 and text["kind"] == "chat" and SPEAKER & set(features):
                continue
            scores.append(known)
            rows.append(features)
            classes.append(kind)
            texts.append(number)
    labels = np.exp(np.array(scores))
    known = np.stack([labels[:, CLASS == k].sum(1) for k in range(7)], 1)
    return np.log(np.maximum(known, 1e-38)), rows, np.array(classes), np.array(texts), np.ones(len(classes))


def matrix(rows, count):
    """The features as a sparse matrix of noughts and ones."""
    indices = np.concatenate([np.array(r) for r in rows])
    starts = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
    return csr_matrix((np.ones(len(indices)), indices, starts), shape=(len(rows), count))


def probabilities(parameters, scores, features):
    """Of the classes, for each token."""
    scales, weights = parameters[:7], parameters[7:].reshape(features.shape[1], 6)
    z = scores * scales
    z[:, 1:] += features @ weights
    z -= z.max(1, keepdims=True)
    p = np.exp(z)
    return p / p.sum(1, keepdims=True)


def fit(scores, features, classes, weights, ridge):
    """The parameters with the least penalised loss."""
    start = np.concatenate([np.ones(7), np.zeros(features.shape[1] * 6)])
    onehot = np.eye(7)[classes]

    def loss(parameters):
        p = probabilities(parameters, scores, features)
        value = -(weights * np.log(p[np.arange(len(classes)), classes] + 1e-12)).sum()
        delta = (p - onehot) * weights[:, None]
        gradient = np.concatenate([(delta * scores).sum(0), (features.T @ delta[:, 1:]).ravel()])
        away = parameters - start
        penalty = ridge * away
        penalty[:7] *= 20
        return value + 0.5 * (penalty * away).sum(), gradient + penalty

    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 400}).x


def describe(name, p, classes):
    """Token figures, by kind."""
    nll = -np.log(p[np.arange(len(classes)), classes] + 1e-12).mean()
    guess = p.argmax(1)
    parts = []
    for k, kind in enumerate(KINDS, 1):
        hit, said, true = ((guess == k) & (classes == k)).sum(), (guess == k).sum(), (classes == k).sum()
        parts.append(f"{kind[:6]} P {hit / max(said, 1):.3f} R {hit / max(true, 1):.3f}")
    print(f"{name}: loss {nll:.4f}  " + "  ".join(parts))


def main():
    """Cross-validates, fits on all, writes Rust."""
    ridge = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    scores, rows, classes, texts, weights = load(sys.argv[1])
    count = FEATURES
    features = matrix(rows, count)
    describe("network", np.exp(scores) / np.exp(scores).sum(1, keepdims=True), classes)
    held = np.zeros((len(classes), 7))
    for fold in range(5):
        test = texts % 5 == fold
        parameters = fit(scores[~test], features[~test], classes[~test], weights[~test], ridge)
        held[test] = probabilities(parameters, scores[test], features[test])
    describe("joined, held out", held, classes)
    parameters = fit(scores, features, classes, weights, ridge)
    describe("joined, same texts", probabilities(parameters, scores, features), classes)
    scales = 1 + (parameters[:7] - 1) * np.concatenate([SHARE[:1], SHARE])
    table = parameters[7:].reshape(count, 6) * SHARE
    table[ONE_EACH] += EVERY
    table[UNCASED_FEATURES] += UNCASED
    table[RARE_FEATURES] += RARE
    table[KNOWN_FEATURES] += KNOWN
    table[ENGLISH_FEATURE] += ENGLISH
    table[UNKNOWN_FEATURE] += ENGLISH_UNKNOWN
    out = ["//! What each piece of evidence counts. Written by `training/lexicon/fit.py`; not to be edited.\n",
           "use super::evidence::FEATURES;\n",
           "/// What the logarithm of the network's probability is multiplied by: no kind, then each kind.",
           "pub(super) const SCALES: [f32; 7] = [" + ", ".join(f"{s:.3f}" for s in scales) + "];\n",
           "/// For each feature, what it adds to each kind.", "#[rustfmt::skip]",
           "pub(super) const WEIGHTS: [[f32; 6]; FEATURES] = ["]
    out += ["    [" + ", ".join(f"{w:.2f}" for w in row) + "]," for row in table + 0.0] + ["];"]
    open(sys.argv[2], "w", encoding="utf-8").write("\n".join(out).replace("-0.00", "0.00") + "\n")


if __name__ == "__main__":
    main()
