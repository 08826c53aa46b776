#!/usr/bin/env python3
"""Says whether what browsers get was built from the source that lies here: `check.py`; `check.py --write` after a build."""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "built.json"
SOURCES = ("package.json", "package-lock.json", "webpack.config.js", "src", "style", "schema")
BUILT = ("privet_jupyterlab/labextension",)


def digest(names):
    """SHA-256 of all files there, with their names."""
    total = hashlib.sha256()
    for name in names:
        place = HERE / name
        files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        for path in files:
            of = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(HERE).as_posix()} {of}\n".encode())
    return total.hexdigest()


def main():
    now = {"sources": digest(SOURCES), "built": digest(BUILT)}
    if "--write" in sys.argv[1:]:
        RECORD.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
        return 0
    known = json.loads(RECORD.read_text(encoding="utf-8"))
    changed = [name for name, value in now.items() if known.get(name) != value]
    if changed:
        print(f"extensions/jupyterlab: changed since the last build: {', '.join(changed)}; run build.sh", file=sys.stderr)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
