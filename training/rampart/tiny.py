"""Makes an encoder of Rampart's make, but tiny and of random numbers, with the scores that ONNX Runtime gives for it.

    pip install -r requirements.txt
    python tiny.py ../../crates/privet-inference/tests/it/tiny

With `32 1` behind it, the inner width and the number of layers, it makes the yet smaller one in `fuzz/corpus/encoder`.
Writes `model.onnx`, `vocab.txt` and `expected.json`. The graph has the nodes, names and storage of Rampart's
`model_q4.onnx`: matrices in blocks of 32 numbers of 4 bits, tables of bytes. The seed is fixed, so a second run writes the
same files. The vocabulary is made of letters and a few words of our own.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

WIDTH, HEADS, PLACES, LABELS = 32, 2, 96, 5
INNER, LAYERS = (int(n) for n in sys.argv[2:] or (416, 2))
TEXTS = [
    "Anna Berger",
    "anna, BERGER; (müller)",
    "My name is Anna Müller-Berger and I live in Zürich.",
    "",
    "naïve café — «œuvre» 東京 42 x",
    "a " * 90,
]


def vocabulary():
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789")
    words = ["anna", "berg", "mull", "name", "is", "my", "and", "live", "in", "zur"]
    signs = list(",.;:()-'") + ["«", "»", "—", "東"]
    endings = ["##er", "##ich", "##na", "##ve"] + [f"##{letter}" for letter in letters]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + words + signs + endings


class Graph:
    def __init__(self, random):
        self.random, self.nodes, self.tensors = random, [], []

    def tensor(self, name, array):
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def node(self, operator, inputs, output, domain="", **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def constant(self, name, array):
        return self.node("Constant", [], name, value=numpy_helper.from_array(array, name))

    def norm(self, prefix, x):
        gain = self.tensor(f"{prefix}.LayerNorm.weight", self.random.normal(1, 0.1, WIDTH).astype("f4"))
        offset = self.tensor(f"{prefix}.LayerNorm.bias", self.random.normal(0, 0.1, WIDTH).astype("f4"))
        return self.node("LayerNormalization", [x, gain, offset], f"/{prefix}/norm", axis=-1, epsilon=1e-12)

    def linear(self, prefix, x, k, n):
        numbers = self.random.integers(0, 256, (n, k // 32, 16)).astype("u1")
        scales = self.random.uniform(0.01, 0.06, (n, k // 32)).astype("f4")
        # Rampart's matrices have no names that tell which is which, either.
        number = f"onnx::MatMul_{len(self.tensors)}"
        numbers, scales = self.tensor(f"{number}_Q4", numbers), self.tensor(f"{number}_scales", scales)
        bias = self.tensor(f"{prefix}.bias", self.random.normal(0, 0.1, n).astype("f4"))
        product = self.node("MatMulNBits", [x, numbers, scales], f"/{prefix}/product", "com.microsoft", K=k, N=n, bits=4, block_size=32)
        return self.node("Add", [bias, product], "logits" if prefix == "classifier" else f"/{prefix}/sum")

    def table(self, name, rows, ids):
        prefix = f"bert.embeddings.{name}.weight"
        numbers = self.tensor(f"{prefix}_quantized", self.random.integers(0, 256, (rows, WIDTH)).astype("u1"))
        scale = self.tensor(f"{prefix}_scale", np.array(0.01, "f4"))
        zero = helper.make_tensor(f"{prefix}_zero_point", TensorProto.UINT8, [], [127])
        self.tensors.append(zero)
        picked = self.node("Gather", [numbers, ids], f"/{name}/picked")
        return self.node("DequantizeLinear", [picked, scale, zero.name], f"/{name}/vectors")


def attention(graph, prefix, x, heads_shape, flat_shape):
    def split(name, perm):
        y = graph.linear(f"{prefix}.attention.self.{name}", x, WIDTH, WIDTH)
        y = graph.node("Reshape", [y, heads_shape], f"/{prefix}/{name}/split")
        return graph.node("Transpose", [y], f"/{prefix}/{name}/turned", perm=perm)

    query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
    scores = graph.node("MatMul", [query, key], f"/{prefix}/scores")
    scale = graph.constant(f"/{prefix}/scale", np.array((WIDTH / HEADS) ** -0.5, "f4"))
    scores = graph.node("Mul", [scores, scale], f"/{prefix}/scaled")
    shares = graph.node("Softmax", [scores], f"/{prefix}/shares", axis=-1)
    mixed = graph.node("MatMul", [shares, value], f"/{prefix}/mixed")
    mixed = graph.node("Transpose", [mixed], f"/{prefix}/mixed/turned", perm=[0, 2, 1, 3])
    return graph.node("Reshape", [mixed, flat_shape], f"/{prefix}/mixed/flat")


def gelu(graph, prefix, x):
    root = graph.constant(f"/{prefix}/root", np.array(2**0.5, "f4"))
    one, half = graph.constant(f"/{prefix}/one", np.array(1, "f4")), graph.constant(f"/{prefix}/half", np.array(0.5, "f4"))
    y = graph.node("Erf", [graph.node("Div", [x, root], f"/{prefix}/div")], f"/{prefix}/erf")
    y = graph.node("Mul", [x, graph.node("Add", [y, one], f"/{prefix}/plus")], f"/{prefix}/times")
    return graph.node("Mul", [y, half], f"/{prefix}/gelu")


def model(pieces):
    graph = Graph(np.random.default_rng(20261128))
    x = graph.table("word_embeddings", pieces, "input_ids")
    x = graph.node("Add", [x, graph.table("token_type_embeddings", 2, "token_type_ids")], "/embeddings/kinds")
    x = graph.node("Add", [x, graph.table("position_embeddings", PLACES, "position_ids")], "/embeddings/places")
    x = graph.norm("bert.embeddings", x)
    heads_shape = graph.constant("heads", np.array([0, 0, HEADS, WIDTH // HEADS], "i8"))
    flat_shape = graph.constant("flat", np.array([0, 0, WIDTH], "i8"))
    for layer in range(LAYERS):
        prefix = f"bert.encoder.layer.{layer}"
        y = attention(graph, prefix, x, heads_shape, flat_shape)
        y = graph.linear(f"{prefix}.attention.output.dense", y, WIDTH, WIDTH)
        x = graph.norm(f"{prefix}.attention.output", graph.node("Add", [y, x], f"/{prefix}/attention/sum"))
        y = gelu(graph, prefix, graph.linear(f"{prefix}.intermediate.dense", x, WIDTH, INNER))
        y = graph.linear(f"{prefix}.output.dense", y, INNER, WIDTH)
        x = graph.norm(f"{prefix}.output", graph.node("Add", [y, x], f"/{prefix}/sum"))
    graph.linear("classifier", x, WIDTH, LABELS)
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "token_type_ids", "position_ids")]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "length", LABELS])
    made = helper.make_graph(graph.nodes, "tiny", inputs, [output], graph.tensors)
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=versions, ir_version=8)


def tokenizer(pieces):
    numbered = {piece: i for i, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(numbered, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    pieces = vocabulary()
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    bytes_of_model = model(len(pieces)).SerializeToString(deterministic=True)
    (folder / "model.onnx").write_bytes(bytes_of_model)
    session = onnxruntime.InferenceSession(bytes_of_model, providers=["CPUExecutionProvider"])
    cut, expected = tokenizer(pieces), []
    for text in TEXTS:
        encoding = cut.encode(text, add_special_tokens=False)
        ids = np.array([[2, *encoding.ids, 3]], "i8")
        feed = {"input_ids": ids, "token_type_ids": np.zeros_like(ids), "position_ids": np.arange(ids.shape[1])[None]}
        logits = session.run(None, feed)[0][0]
        expected.append({"text": text, "ids": encoding.ids, "logits": [[round(float(n), 5) for n in row] for row in logits]})
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
