#!/usr/bin/env bash
# Measures LiteLLM, Portkey and Privet in the same run, with the same load, mock provider and way of counting: CPU time
# per request, of the process and all that it starts.
#
#   bench/peers/gateways.sh [options of privet-bench]
#   bench/peers/gateways.sh --only '1 KB' --connections 16 --seconds 5
#
# The peers only pass requests on: no key is checked by Portkey, nothing is masked, nothing audited by either. Privet is
# measured passing on, and masking. Needs python3 with venv, and node with npm.
#
# PRIVET_CACHE   where the peers are kept (default ~/.cache/privet)
# PRIVET_BIN     the release build that is measured; `privet-bench` lies beside it (default: built here)
set -euo pipefail
exec </dev/null

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${PRIVET_CACHE:-$HOME/.cache/privet}/peers

fail() {
    echo "bench/peers/gateways.sh: $*" >&2
    exit 2
}

for tool in flock node npm python3 sha256sum; do
    command -v "$tool" >/dev/null || fail "\`$tool\` is missing"
done

# One folder for each state of what is pinned.
digest() { sha256sum | cut -c1-16; }
litellm=$cache/litellm-$({ python3 --version; cat "$here/litellm.txt"; } | digest)
portkey=$cache/portkey-$({ node --version; cat "$here/portkey/package-lock.json"; } | digest)
mkdir -p "$cache"
(
    flock -w 900 9 || fail "another run holds $cache/gateways.lock"
    if [ ! -e "$litellm/.complete" ]; then
        rm -rf "$litellm"
        python3 -m venv "$litellm"
        "$litellm/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r "$here/litellm.txt"
        touch "$litellm/.complete"
    fi
    if [ ! -e "$portkey/.complete" ]; then
        rm -rf "$portkey"
        mkdir -p "$portkey"
        cp "$here"/portkey/package*.json "$portkey/"
        (cd "$portkey" && npm ci --ignore-scripts --silent --no-audit --no-fund)
        touch "$portkey/.complete"
    fi
) 9>"$cache/gateways.lock" >&2

privet=${PRIVET_BIN:-}
if [ -z "$privet" ]; then
    (cd "$root" && cargo build --quiet --release --locked --package privet --package privet-bench) >&2
    privet=${CARGO_TARGET_DIR:-$root/target}/release/privet
fi
bench=$(dirname "$privet")/privet-bench
[ -x "$privet" ] && [ -x "$bench" ] || fail "no release builds at $privet and $bench"

# Keys of this run alone. LiteLLM wants a long one.
key=sk-$(python3 -c 'import secrets; print(secrets.token_hex(24))')
peers=$(mktemp)
trap 'rm -f "$peers"' EXIT
KEY=$key LITELLM=$litellm PORTKEY=$portkey python3 - >"$peers" <<'PYTHON'
import json, os

settings = {
    "model_list": [
        {
            "model_name": "*",
            "litellm_params": {"model": "openai/*", "api_base": "{upstream}", "api_key": "upstream"},
        }
    ]
}
# JSON is YAML; the braces that `privet-bench` fills in stay as they are.
litellm = (
    f"cat >config.yaml <<'SETTINGS'\n{json.dumps(settings)}\nSETTINGS\n"
    f"export LITELLM_MASTER_KEY={os.environ['KEY']} LITELLM_LOCAL_MODEL_COST_MAP=True\n"
    f"exec {os.environ['LITELLM']}/bin/litellm --config config.yaml --host 127.0.0.1 --port {{port}} --telemetry False"
)
portkey = f"exec node {os.environ['PORTKEY']}/node_modules/@portkey-ai/gateway/build/start-server.js --port={{port}} --headless"
print(
    json.dumps(
        [
            {"name": "LiteLLM", "command": litellm, "key": os.environ["KEY"]},
            {
                "name": "Portkey",
                "command": portkey,
                "headers": {"x-portkey-provider": "openai", "x-portkey-custom-host": "{upstream}"},
            },
        ]
    )
)
PYTHON
"$bench" --privet "$privet" --peers "$peers" "$@"
