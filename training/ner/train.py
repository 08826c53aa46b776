"""Trains the tagger on featurised texts: `python train.py DATA OUT MINUTES [START.npz]`.

DATA holds folders made by `featurize` (see README.md): `train/` and `dev/`. OUT.npz gets the parameters; the layout is
that of `privet-inference`'s network. Adam with a linear warm-up and a cosine decay over MINUTES of wall time.
"""
import os
import sys
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads=1")
import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_compilation_cache_dir", "/tmp/privet-ner-jax")

WORD_ROWS, PART_ROWS, SHAPE_ROWS = 24576, 32768, 2048
WIDTH, SHAPE_WIDTH, LABELS = 64, 32, 25
DILATIONS = [1, 2, 4, 1, 2]
LENGTH, PACKS, TYPES = 128, 64, 5120


def load(folder):
    types = np.fromfile(f"{folder}/types.u32", "<u4").reshape(-1, 21).astype(np.int32)
    tokens = np.fromfile(f"{folder}/tokens.u32", "<u4").reshape(-1, 3)
    windows = np.fromfile(f"{folder}/windows.u32", "<u4").reshape(-1, 3)
    return types, tokens, windows


def init(rng):
    def normal(*shape, scale):
        return jnp.asarray(rng.normal(0, scale, shape), jnp.float32)
    p = {"word": normal(WORD_ROWS, WIDTH, scale=0.3), "part": normal(PART_ROWS, WIDTH, scale=0.15), "shape": normal(SHAPE_ROWS, SHAPE_WIDTH, scale=0.3),
         "mix": normal(2 * WIDTH + SHAPE_WIDTH, WIDTH, scale=(2 / 160) ** 0.5), "mix_b": jnp.zeros(WIDTH), "spaced": normal(2, WIDTH, scale=0.1), "casing": normal(4, WIDTH, scale=0.1)}
    for i in range(len(DILATIONS)):
        p[f"conv{i}"] = normal(3 * WIDTH, WIDTH, scale=(2 / 192) ** 0.5)
        p[f"conv{i}_b"] = jnp.zeros(WIDTH)
        p[f"norm{i}_g"], p[f"norm{i}_b"] = jnp.ones(WIDTH), jnp.zeros(WIDTH)
    p["normo_g"], p["normo_b"] = jnp.ones(WIDTH), jnp.zeros(WIDTH)
    p["out"] = normal(WIDTH, LABELS, scale=0.1)
    p["out_b"] = jnp.zeros(LABELS)
    return p


def layer_norm(x, gain, bias):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(var + 1e-5) * gain + bias


def embed(p, f, keep_word=None):
    word = p["word"][f[:, 0]] + p["word"][f[:, 1]]
    if keep_word is not None:
        word = word * keep_word[:, None]
    count = f[:, 18]
    mask = (jnp.arange(16)[None] < count[:, None]).astype(jnp.float32) / jnp.sqrt(jnp.maximum(count, 1))[:, None]
    part = jnp.einsum("tkd,tk->td", p["part"][f[:, 2:18]], mask)
    shape = p["shape"][f[:, 19]] + p["shape"][f[:, 20]]
    return jax.nn.relu(jnp.concatenate([word, part, shape], -1) @ p["mix"] + p["mix_b"])


def tag(p, f, index, spaced, casing, valid, key=None):
    keep = None if key is None else (jax.random.uniform(key, (f.shape[0],)) > 0.18).astype(jnp.float32)
    x = embed(p, f, keep)[index] + p["spaced"][spaced] + p["casing"][casing][:, None]
    if key is not None:
        x = x * (jax.random.uniform(jax.random.fold_in(key, 1), x.shape) > 0.1) / 0.9
    valid = valid[..., None]
    x = x * valid
    for i, d in enumerate(DILATIONS):
        y = layer_norm(x, p[f"norm{i}_g"], p[f"norm{i}_b"]) * valid
        pad = jnp.pad(y, ((0, 0), (d, d), (0, 0)))
        joined = jnp.concatenate([pad[:, :-2 * d], y, pad[:, 2 * d:]], -1)
        x = x + jax.nn.relu(joined @ p[f"conv{i}"] + p[f"conv{i}_b"]) * valid
    return layer_norm(x, p["normo_g"], p["normo_b"]) @ p["out"] + p["out_b"]


def loss_of(p, batch, key):
    f, index, spaced, casing, valid, labels = batch
    logits = tag(p, f, index, spaced, casing, valid, key)
    weight = valid * (labels != 255)
    # A token inside a span counts more: four in five lie outside.
    weight = weight * jnp.where(labels == 0, 1.0, 1.5)
    target = jnp.where(labels == 255, 0, labels)
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits, target)
    return (entropy * weight).sum() / jnp.maximum(weight.sum(), 1)


class Batches:
    """Windows of like length, padded to a multiple of 16 tokens; about 8,000 tokens and at most TYPES distinct words a batch."""

    def __init__(self, data, rng):
        self.types, self.tokens, self.windows = data
        self.starts = np.concatenate([[0], np.cumsum(self.windows[:, 0])[:-1]]).astype(np.int64)
        self.rng = rng
        lengths = self.windows[:, 0]
        self.buckets = [np.where((lengths > lo) & (lengths <= hi))[0] for lo, hi in ((0, 16), (16, 32), (32, 64), (64, 128))]
        self.sizes = (16, 32, 64, 128)

    def epoch(self, tokens=8192):
        plan = []
        for rows, size in zip(self.buckets, self.sizes):
            rows = self.rng.permutation(rows)
            n = tokens // size
            plan += [(rows[i:i + n], size) for i in range(0, len(rows) - n + 1, n)] or ([(rows, size)] if len(rows) else [])
        self.rng.shuffle(plan)
        for rows, size in plan:
            yield self.make(rows, size, tokens // size)

    def make(self, rows, size, n):
        type_ids = np.zeros((n, size), np.int64)
        spaced = np.zeros((n, size), np.int32)
        labels = np.full((n, size), 255, np.int32)
        valid = np.zeros((n, size), np.float32)
        casing = np.zeros(n, np.int32)
        lens = self.windows[rows, 0]
        at = self.starts[rows][:, None] + np.arange(size)[None]
        inside = np.arange(size)[None] < lens[:, None]
        rowsel = self.tokens[np.where(inside, at, 0)]
        k = len(rows)
        type_ids[:k] = np.where(inside, rowsel[..., 0], 0)
        spaced[:k] = np.where(inside, rowsel[..., 2], 0)
        labels[:k] = np.where(inside, rowsel[..., 1], 255)
        valid[:k] = inside
        casing[:k] = self.windows[rows, 1]
        unique, index = np.unique(type_ids, return_inverse=True)
        index = index.reshape(n, size)
        room = TYPES if len(unique) <= TYPES else 8192
        f = np.zeros((room, 21), np.int32)
        f[:len(unique)] = self.types[unique]
        return f, index.astype(np.int32), spaced, casing, valid, labels


def main(data, out, minutes, start=None):
    rng = np.random.default_rng(20261121)
    batches = Batches(load(f"{data}/train"), rng)
    p = {k: jnp.asarray(v) for k, v in np.load(start).items()} if start else init(rng)
    peak = float(os.environ.get("PEAK", "3e-3"))
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.99))
    state = optimiser.init(p)

    @jax.jit
    def step(p, state, batch, key, rate):
        loss, grads = jax.value_and_grad(loss_of)(p, batch, key)
        updates, state = optimiser.update(grads, state)
        p = jax.tree.map(lambda a, u: a - rate * u, p, updates)
        return p, state, loss

    dev = list(Batches(load(f"{data}/dev"), np.random.default_rng(1)).epoch())[:12]
    predict = jax.jit(lambda p, f, i, s, c, v: tag(p, f, i, s, c, v).argmax(-1))
    begin, done, average, epoch, last = time.time(), 0, None, 0, 0.0
    total = 60 * float(minutes)
    key = jax.random.PRNGKey(0)
    ema = p
    update_ema = jax.jit(lambda e, p, d: jax.tree.map(lambda a, b: a * d + b * (1 - d), e, p))
    while (spent := time.time() - begin) < total:
        epoch += 1
        for batch in batches.epoch():
            spent = time.time() - begin
            if spent >= total:
                break
            part = spent / total
            rate = peak * min(1.0, (done + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * part)))
            key, sub = jax.random.split(key)
            p, state, loss = step(p, state, batch, sub, rate)
            done += 1
            if done % 20 == 0:
                average = float(loss) if average is None else 0.9 * average + 0.1 * float(loss)
            if spent - last > 240:
                last = spent
                right = wrong = missed = 0
                for f, i, s, c, v, l in dev:
                    guess = np.asarray(predict(p, f, i, s, c, v))
                    ok = (l != 255) & (v > 0)
                    right += int(((guess == l) & (l > 0) & ok).sum())
                    wrong += int(((guess != l) & (guess > 0) & ok).sum())
                    missed += int(((guess != l) & (l > 0) & ok).sum())
                print(f"{spent:6.0f} s epoch {epoch} step {done} loss {average or 0:.4f} dev token P {right / max(1, right + wrong):.4f} R {right / max(1, right + missed):.4f}", flush=True)
                np.savez(out, **{k: np.asarray(v) for k, v in p.items()})
    np.savez(out, **{k: np.asarray(v) for k, v in p.items()})
    print("steps", done, "epochs", epoch)


if __name__ == "__main__":
    main(*sys.argv[1:])
