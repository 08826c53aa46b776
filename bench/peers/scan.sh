#!/usr/bin/env bash
# Measures the peers of `privet scan` and Privet in the same run, on the same files, by CPU time: detect-secrets on a tree
# of sources, NB Defense on notebooks, ModelScan, picklescan and fickling on pickles.
#
#   bench/peers/scan.sh [options of scan.py]
#   bench/peers/scan.sh --tree ~/.cargo/registry/src --pickles model_pickles.jsonl.gz --corpora FOLDER
#
# Prints Markdown tables. Nothing is unpickled: all of them read pickles without running them. NB Defense wants a Python
# before 3.11; without one it is left out, and the tables say so. Its search for personal data needs a model that PyPI does
# not have, and its search for known holes fetches a program, so both are off.
#
# PRIVET_CACHE       where the peers are kept (default ~/.cache/privet)
# PRIVET_BIN         the release build that is measured (default: built here)
# NBDEFENSE_PYTHON   a Python 3.9 or 3.10 (default: python3.10 or python3.9 where they are)
set -euo pipefail
exec </dev/null

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${PRIVET_CACHE:-$HOME/.cache/privet}/peers

fail() {
    echo "bench/peers/scan.sh: $*" >&2
    exit 2
}

for tool in flock python3 sha256sum; do
    command -v "$tool" >/dev/null || fail "\`$tool\` is missing"
done

old=${NBDEFENSE_PYTHON:-}
for name in python3.10 python3.9; do
    if [ -z "$old" ] && "$name" --version >/dev/null 2>&1; then
        old=$name
    fi
done

# install PYTHON REQUIREMENTS: one environment for each state of both; prints where it is.
install() {
    local environment
    environment=$cache/scan-$({ "$1" --version; cat "$2"; } | sha256sum | cut -c1-16)
    mkdir -p "$cache"
    (
        flock -w 900 9 || fail "another run holds $environment.lock"
        if [ ! -e "$environment/.complete" ]; then
            rm -rf "$environment"
            "$1" -m venv "$environment"
            "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r "$2"
            touch "$environment/.complete"
        fi
    ) 9>"$environment.lock" >&2
    echo "$environment"
}

peers=$(install python3 "$here/scan.txt")
notebooks=()
if [ -n "$old" ]; then
    if nbdefense=$(install "$old" "$here/nbdefense.txt"); then
        notebooks=(--nbdefense "$nbdefense/bin/nbdefense")
    else
        echo "bench/peers/scan.sh: NB Defense cannot be installed under \`$old\`; left out" >&2
    fi
else
    echo "bench/peers/scan.sh: no Python before 3.11 here, which NB Defense wants; left out" >&2
fi

privet=${PRIVET_BIN:-}
if [ -z "$privet" ]; then
    (cd "$root" && cargo build --quiet --release --locked --package privet) >&2
    privet=${CARGO_TARGET_DIR:-$root/target}/release/privet
fi
[ -x "$privet" ] || fail "no release build at $privet"

export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$peers/bin/python" "$here/scan.py" --privet "$privet" --peers "$peers/bin" ${notebooks[@]+"${notebooks[@]}"} "$@"
