"""Checks mended notebooks with nbformat: `pip install nbformat && python3 nbformat_check.py TARGET/tmp/nbformat` (which `cargo test
-p privet-supplychain fix` fills with pairs NAME.before.ipynb and NAME.after.ipynb)."""

import json
import pathlib
import sys

import nbformat


def without_outputs(notebook):
    """The notebook's code: what mending outputs leaves alone."""
    cells = notebook.get("cells") or [c for sheet in notebook["worksheets"] for c in sheet["cells"]]
    return [(c["cell_type"], c.get("execution_count"), c.get("source", c.get("input"))) for c in cells]


def main(folder):
    pairs = sorted(pathlib.Path(folder).glob("*.before.ipynb"))
    for before in pairs:
        after = before.with_name(before.name.replace(".before.", ".after."))
        texts = [path.read_text(encoding="utf-8") for path in (before, after)]
        for text in texts:
            nbformat.validate(json.loads(text))
        old, new = map(json.loads, texts)
        if "source" not in before.name:
            assert without_outputs(old) == without_outputs(new), before.name
        assert "planted" not in texts[1], after.name
        print("valid:", after.name)
    assert pairs, "no notebooks in " + str(folder)
    print(len(pairs), "notebooks are valid, nbformat", nbformat.__version__)


if __name__ == "__main__":
    main(sys.argv[1])
