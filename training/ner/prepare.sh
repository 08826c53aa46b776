#!/bin/sh
# Makes the training data: prepare.sh WORK TEMPLATES COUNT SEED [FOLDER] (WORK holds lists.json, silver.jsonl and neg.jsonl).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1; templates=$2; count=$3; seed=$4; data=$work/${5:-data}
mkdir -p "$data/train" "$data/dev"
"$work/v/bin/python" "$here/generate.py" "$work/lists.json" "$templates" "$work/filled.jsonl" "$count" "$seed"
grep '"h": false' "$work/filled.jsonl" > "$work/train.jsonl"
# Silver and negative texts come once each; the last hundredth is kept for the dev set.
awk 'NR % 100 != 0' "$work/silver.jsonl" >> "$work/train.jsonl"
cat "$work/neg.jsonl" >> "$work/train.jsonl"
grep '"h": true' "$work/filled.jsonl" | head -6000 > "$work/dev.jsonl"
awk 'NR % 100 == 0' "$work/silver.jsonl" >> "$work/dev.jsonl"
featurize="${CARGO_TARGET_DIR:-$here/../../target}/release/examples/featurize"
"$featurize" "$data/train" < "$work/train.jsonl"
"$featurize" "$data/dev" < "$work/dev.jsonl"
