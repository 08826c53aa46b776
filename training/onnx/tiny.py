"""Makes tiny token classifiers, as Hugging Face's tools export them.

    pip install -r requirements.txt
    python tiny.py ../../crates/privet-inference/tests/it/exported

Writes a folder for each: `bert` by Optimum (opset 14, normalisations in nine steps), `distilbert` by Optimum with opset 18,
and with `--all` also `bert-torch`, by torch.onnx as it is today, `bert-half`, in 16-bit numbers, and `bert-dynamic`, with
matrices of bytes that ONNX Runtime multiplies as such. Each holds `model.onnx`, `config.json`, `tokenizer_config.json`,
`vocab.txt`, the first also `tokenizer.json`, and `expected.json`: pieces of Hugging Face's tokenizer and scores of ONNX
Runtime. The vocabulary is made of letters and a few words of our own. DistilBERT's numbers are random; BERT is taught for some
seconds that Anna Berger is a person and Zurich a place.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import quantize_dynamic
from optimum.exporters.onnx import main_export
from transformers import (
    BertConfig,
    BertForTokenClassification,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForTokenClassification,
    DistilBertTokenizerFast,
)

WIDTH, HEADS, INNER, PLACES = 32, 2, 32, 72
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TEXTS = [
    "Anna Berger",
    "anna, BERGER; (müller)",
    "My name is Anna Müller-Berger and I live in Zürich.",
    "",
    "naïve café — «œuvre» 東京 42 x",
    "a " * 60,
]


def vocabulary(is_cased):
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789")
    words = ["anna", "berg", "mull", "name", "is", "my", "and", "live", "in", "zur"]
    if is_cased:
        letters += ["A", "B", "I", "M", "Z", "ü", "ï", "é"]
        words += ["Anna", "Berg", "Müll", "Zür", "My"]
    signs = list(",.;:()-'") + ["«", "»", "—", "東"]
    endings = ["##er", "##ich", "##na", "##ve"] + [f"##{letter}" for letter in letters]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + words + signs + endings


def spread(model):
    """Numbers as spread as a trained network's, so that a mistake is seen in the scores."""
    with torch.no_grad():
        for name, numbers in model.named_parameters():
            if "LayerNorm" in name or "layer_norm" in name:
                numbers.add_(torch.randn_like(numbers) * 0.1)
            else:
                numbers.copy_(torch.randn_like(numbers) * (0.5 if "embeddings" in name else 0.25))
    return model.eval()


def teach(model, cut):
    """Sentences from a grammar of our own, 16 a step."""
    persons, towns = ["anna", "anna berger", "berger", "muller", "anna muller", "mull na"], ["zurich", "zurve", "zurer"]
    others = ["my name is", "and i live in", "in", "a b c", "42 x", "is my name", ", and", "live", "."]
    chance = np.random.default_rng(20261129)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    for _ in range(400):
        rows, targets = [], []
        for _ in range(16):
            row, target = [cut.cls_token_id], [0]
            for _ in range(chance.integers(1, 7)):
                kind = chance.choice(3, p=[0.3, 0.2, 0.5])
                phrase = chance.choice([persons, towns, others][kind])
                pieces = cut(str(phrase), add_special_tokens=False)["input_ids"]
                row += pieces
                target += [0] * len(pieces) if kind == 2 else [2 * kind + 1] + [2 * kind + 2] * (len(pieces) - 1)
                if kind != 2:
                    row, target = row + cut(",", add_special_tokens=False)["input_ids"], [*target, 0]
            rows.append([*row, cut.sep_token_id])
            targets.append([*target, 0])
        length = max(map(len, rows))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
        wanted = torch.tensor([target + [-100] * (length - len(target)) for target in targets])
        optimizer.zero_grad()
        model(input_ids=ids, attention_mask=mask, labels=wanted).loss.backward()
        optimizer.step()
    return model.eval()


def labels():
    return {"id2label": dict(enumerate(LABELS)), "label2id": {label: i for i, label in enumerate(LABELS)}}


def bert(pieces):
    return spread(
        BertForTokenClassification(
            BertConfig(
                vocab_size=pieces,
                hidden_size=WIDTH,
                num_hidden_layers=1,
                num_attention_heads=HEADS,
                intermediate_size=INNER,
                max_position_embeddings=PLACES,
                **labels(),
            )
        )
    )


def distilbert(pieces):
    return spread(
        DistilBertForTokenClassification(
            DistilBertConfig(
                vocab_size=pieces, dim=WIDTH, n_layers=1, n_heads=HEADS, hidden_dim=INNER, max_position_embeddings=PLACES, **labels()
            )
        )
    )


def prepare(folder, make, tokenizer, is_cased):
    """Writes the model as Hugging Face keeps it, with the seed that makes it the same each time."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pieces = vocabulary(is_cased)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    torch.manual_seed(20261129)
    model = make(len(pieces))
    cut = tokenizer(str(folder / "vocab.txt"), do_lower_case=not is_cased, strip_accents=None, model_max_length=PLACES)
    if make is bert:
        teach(model, cut)
    model.save_pretrained(folder / "source")
    cut.save_pretrained(folder / "source")
    return model, cut


def check(folder, cut):
    """What Hugging Face's tokenizer and ONNX Runtime make of the texts."""
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    expected = []
    for text in TEXTS:
        pieces = cut(text, add_special_tokens=False)["input_ids"]
        ids = np.array([[cut.cls_token_id, *pieces, cut.sep_token_id]], "i8")
        known = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        logits = session.run(["logits"], {i.name: known[i.name] for i in session.get_inputs()})[0][0]
        rows = [[round(float(n), 5) for n in row] for row in logits]
        expected.append({"text": text, "ids": pieces, "logits": rows})
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")


def keep(folder, names):
    for name in names:
        if (folder / "source" / name).exists():
            shutil.copy(folder / "source" / name, folder / name)
    shutil.rmtree(folder / "source")


def slim(path):
    """Without names of steps and without notes: half of so small a file."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.name = node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:]
    path.write_bytes(model.SerializeToString(deterministic=True))


def by_optimum(folder, make, tokenizer, is_cased, opset, names):
    _, cut = prepare(folder, make, tokenizer, is_cased)
    out = folder / "out"
    main_export(str(folder / "source"), out, task="token-classification", opset=opset, do_validation=False)
    shutil.move(out / "model.onnx", folder / "model.onnx")
    shutil.rmtree(out)
    slim(folder / "model.onnx")
    keep(folder, names)
    check(folder, cut)


def by_torch(folder, make, tokenizer, is_cased, names):
    model, cut = prepare(folder, make, tokenizer, is_cased)
    ones = torch.ones((1, 8), dtype=torch.int64)
    shape = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=PLACES)}
    torch.onnx.export(
        model,
        (),
        str(folder / "model.onnx"),
        kwargs={"input_ids": torch.arange(8)[None], "attention_mask": ones, "token_type_ids": torch.zeros_like(ones)},
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=["logits"],
        dynamic_shapes={"input_ids": shape, "attention_mask": shape, "token_type_ids": shape},
        dynamo=True,
        external_data=False,
    )
    slim(folder / "model.onnx")
    keep(folder, names)
    check(folder, cut)


def derived(folder, source, change):
    """A model made from another one's file."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    change(source / "model.onnx", folder / "model.onnx")
    check(folder, BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=True))


def main(folder, makes_all):
    names = ["config.json", "tokenizer_config.json"]
    by_optimum(folder / "bert", bert, BertTokenizerFast, False, 14, names)
    by_optimum(folder / "distilbert", distilbert, DistilBertTokenizerFast, True, 18, [*names, "tokenizer.json"])
    if makes_all:
        by_torch(folder / "bert-torch", bert, BertTokenizerFast, False, names)
        from onnxruntime.transformers.float16 import convert_float_to_float16

        half = lambda a, b: onnx.save(convert_float_to_float16(onnx.load(a), keep_io_types=True), b)
        derived(folder / "bert-half", folder / "bert", half)
        derived(folder / "bert-dynamic", folder / "bert", lambda a, b: quantize_dynamic(str(a), str(b)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--all" in sys.argv)
