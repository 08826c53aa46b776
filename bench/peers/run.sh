#!/usr/bin/env bash
# Measures Presidio and Privet on the same texts, in the same run, by CPU time.
#
#   bench/peers/run.sh SENTENCES.jsonl.gz [--passes N] [--only quality,speed,gold,disguises,analyze]
#
# SENTENCES: generated sentences in presidio-research's form, one JSON object a line.
# Prints Markdown tables. Takes some six minutes on two cores, most of them Presidio's.
#
# PRIVET_CACHE   where the Python environment is kept (default ~/.cache/privet)
# PRIVET_BIN     the release build that is measured (default: built here)
set -euo pipefail
exec </dev/null

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${PRIVET_CACHE:-$HOME/.cache/privet}/peers
requirements=$here/requirements.txt

fail() {
    echo "bench/peers/run.sh: $*" >&2
    exit 2
}

[ $# -ge 1 ] && [ -r "$1" ] || fail "name the sentences: bench/peers/run.sh SENTENCES.jsonl.gz"
for tool in flock python3 sha256sum; do
    command -v "$tool" >/dev/null || fail "\`$tool\` is missing"
done

# One environment for each state of the requirements.
environment=$cache/$({ python3 --version; cat "$requirements"; } | sha256sum | cut -c1-16)
mkdir -p "$cache"
(
    flock -w 900 9 || fail "another run holds $environment.lock"
    if [ ! -e "$environment/.complete" ]; then
        rm -rf "$environment"
        python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r "$requirements"
        "$environment/bin/pip" check
        touch "$environment/.complete"
    fi
) 9>"$environment.lock" >&2

privet=${PRIVET_BIN:-}
if [ -z "$privet" ]; then
    (cd "$root" && cargo build --quiet --release --locked --package privet) >&2
    privet=${CARGO_TARGET_DIR:-$root/target}/release/privet
fi
[ -x "$privet" ] || fail "no release build at $privet"

# Presidio's libraries would start a thread for each core, which costs CPU time and gains nothing on short texts.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
exec "$environment/bin/python" "$here/compare.py" --privet "$privet" --sentences "$@"
