#!/usr/bin/env bash
# Runs the official clients, unmodified, through `privet serve` in front of a recording provider; then Databunker's, against a
# vault; then the official messages of OpenTelemetry, Schemathesis on the OpenAPI document, and in a real browser the console and the
# extension of JupyterLab.
#
#   clients/run.sh                 through the gateway
#   PRIVET_DIRECT=1 clients/run.sh straight to the provider, to see that it is true to the wire
#
# PRIVET_CACHE       where installed clients are kept (default ~/.cache/privet)
# PRIVET_BIN         the gateway (default: built here, debug)
# PRIVET_PROVIDER    the provider (default: built here, debug)
# PRIVET_CHROMIUM    the browser (default /usr/bin/chromium, of Debian's package chromium)
# PRIVET_SCREENSHOTS a folder that gets a picture of each page of the console, and of the extension (default: none)
# PRIVET_SEED        chooses where the provider cuts its streams (default: a new one, printed)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache=${PRIVET_CACHE:-$HOME/.cache/privet}/clients
target=${CARGO_TARGET_DIR:-$root/target}
direct=${PRIVET_DIRECT:-0}
seed=${PRIVET_SEED:-$RANDOM}

fail() {
    echo "clients/run.sh: $*" >&2
    exit 1
}

for tool in cargo curl flock node npm python3 sha256sum timeout; do
    command -v "$tool" >/dev/null || fail "\`$tool\` is missing"
done

work=$(mktemp -d)
pids=()
cleanup() {
    local status=$?
    trap - EXIT INT TERM
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [ "$status" -ne 0 ]; then
        for log in "$work"/*.log; do
            [ -s "$log" ] && { echo "--- end of $(basename "$log")"; tail -n 30 "$log"; } >&2
        done
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Installs into "$cache/$1-HASH" by running the function $2 there, once for each state of the files that follow.
install_once() {
    local kind=$1 how=$2 hash dir
    shift 2
    hash=$({ python3 --version; node --version; cat "$@"; } | sha256sum | cut -c1-16)
    dir=$cache/$kind-$hash
    mkdir -p "$cache"
    (
        flock -w 600 9 || fail "another run holds $dir.lock"
        if [ ! -e "$dir/.complete" ]; then
            rm -rf "$dir"
            mkdir -p "$dir"
            "$how" "$dir" >&2
            touch "$dir/.complete"
        fi
    ) 9>"$dir.lock"
    echo "$dir"
}

install_wheels() {
    timeout 120 python3 -m venv "$1"
    timeout 600 "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --ignore-requires-python -r "$2"
    timeout 60 "$1/bin/pip" check
}

install_python() { install_wheels "$1" "$here/python/requirements.txt"; }

install_vault() { install_wheels "$1" "$here/vault/requirements.txt"; }

install_telemetry() { install_wheels "$1" "$here/telemetry/requirements.txt"; }

install_schemathesis() { install_wheels "$1" "$here/schemathesis/requirements.txt"; }

# JupyterLab, and our extension as people install it: without node.
install_jupyterlab() {
    install_wheels "$1" "$here/jupyterlab/requirements.txt"
    timeout 120 "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation "$root/extensions/jupyterlab"
    timeout 60 "$1/bin/pip" check
}

install_node() {
    cp "$here/node/package.json" "$here/node/package-lock.json" "$1/"
    (cd "$1" && timeout 600 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

install_console() {
    cp "$here/console/package.json" "$here/console/package-lock.json" "$1/"
    (cd "$1" && timeout 600 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
}

# Waits until the command succeeds, for at most $1 seconds, or until process $2 has ended.
wait_for() {
    local end=$((SECONDS + $1)) pid=$2 what=$3
    shift 3
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || fail "$what has ended"
        [ "$SECONDS" -lt "$end" ] || fail "$what is not ready in time"
        sleep 0.1
    done
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

python=$(install_once python install_python "$here/python/requirements.txt")
vault=$(install_once vault install_vault "$here/vault/requirements.txt")
telemetry=$(install_once telemetry install_telemetry "$here/telemetry/requirements.txt")
schemathesis=$(install_once schemathesis install_schemathesis "$here/schemathesis/requirements.txt")
node=$(install_once node install_node "$here/node/package.json" "$here/node/package-lock.json")

provider=${PRIVET_PROVIDER:-$target/debug/examples/provider}
gateway=${PRIVET_BIN:-$target/debug/privet}
if [ -z "${PRIVET_PROVIDER:-}" ]; then
    (cd "$root" && cargo build --quiet --package privet-demo --example provider)
fi
if [ "$direct" != 1 ] && [ -z "${PRIVET_BIN:-}" ]; then
    (cd "$root" && cargo build --quiet --package privet --bin privet)
fi
[ -x "$provider" ] || fail "no provider at $provider"
[ "$direct" = 1 ] || [ -x "$gateway" ] || fail "no gateway at $gateway"

# Settings of the person who runs this must not reach the clients.
unset OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID
unset ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN ANTHROPIC_BASE_URL
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export NO_PROXY=127.0.0.1

export PRIVET_RECORDING=$work/recording.jsonl
touch "$PRIVET_RECORDING"
options=(--port-file "$work/port" --record "$PRIVET_RECORDING" --seed "$seed")
if [ "$direct" = 1 ]; then
    export PRIVET_DIRECT=1 PRIVET_KEY=a-key-of-the-demo-provider
    options+=(--key "$PRIVET_KEY")
fi
"$provider" "${options[@]}" >"$work/provider.log" 2>&1 &
pids+=($!)
wait_for 30 "${pids[-1]}" "the provider" test -s "$work/port"
port=$(cat "$work/port")

# Starts a gateway in the folder $work/$1 with the policy $2; says in `url`, `key` and `config` where it is.
start_gateway() {
    local folder=$work/$1 listen
    listen=127.0.0.1:$(free_port)
    url=http://$listen config=$folder/privet.toml
    mkdir "$folder"
    printf '%s\n' "$2" >"$folder/policy.toml"
    cat >"$config" <<TOML
listen = "$listen"
policy = "policy.toml"
[keys]
root = { file = "$folder/root.key" }
[store]
path = "$folder/privet.sqlite"
spool = "$folder/spool"
[[providers]]
name = "demo-openai"
dialect = "openai"
base_url = "http://127.0.0.1:$port/v1"
[[providers]]
name = "demo-anthropic"
dialect = "anthropic"
base_url = "http://127.0.0.1:$port"
[[mcp.servers]]
name = "demo"
url = "http://127.0.0.1:$port/mcp"
tools = ["find_customer", "echo"]
[[models]]
match = "demo-*"
provider = "demo-openai"
[[models]]
match = "claude-*"
provider = "demo-anthropic"
TOML
    (cd "$folder" && exec "$gateway" serve --config "$config") >"$work/$1.log" 2>&1 &
    pids+=($!)
    wait_for 60 "${pids[-1]}" "the gateway $1" curl -fsS --max-time 2 "$url/readyz"
    key=$(cd "$folder" && timeout 60 "$gateway" key create --config "$config" --name clients \
        2>"$work/$1-key.log" | tail -n 1)
    [[ $key == prvt_* ]] || fail "\`privet key create\` printed no key"
    # A running gateway may take a moment to learn of a new key.
    wait_for 15 "${pids[-1]}" "the new key" \
        curl -fsS --max-time 2 -H "authorization: Bearer $key" "$url/v1/models"
}

if [ "$direct" = 1 ]; then
    export PRIVET_URL=http://127.0.0.1:$port
    export PRIVET_SEEING_URL=$PRIVET_URL PRIVET_SEEING_KEY=$PRIVET_KEY
else
    gateway=$(realpath "$gateway")
    # One whose policy lets images pass unseen.
    start_gateway seeing $'[parts]\npass = ["image"]'
    export PRIVET_SEEING_URL=$url PRIVET_SEEING_KEY=$key
    # One with guardrails; what people link to is judged in replies.
    start_gateway guarded $'[guardrails.prompts.detector]\nuser = "block"\n[guardrails.replies.channels]\nhosts = ["docs.example.com"]'
    export PRIVET_GUARDED_URL=$url PRIVET_GUARDED_KEY=$key
    start_gateway gateway ""
    export PRIVET_URL=$url PRIVET_KEY=$key PRIVET_BIN=$gateway PRIVET_CONFIG=$config
fi

echo "clients/run.sh: seed $seed, $(if [ "$direct" = 1 ]; then echo "no gateway"; else echo "through the gateway"; fi)"
status=0
(cd "$here/python" && PYTHONDONTWRITEBYTECODE=1 timeout 300 "$python/bin/python" -m pytest --quiet) || status=$?
# Imports are looked up from where the file lies.
mkdir "$work/node"
cp "$here"/node/*.mjs "$here/node/package.json" "$work/node/"
ln -s "$node/node_modules" "$work/node/node_modules"
# One after the other: each looks at what the provider got since it began.
(cd "$work/node" && timeout 300 node --test --test-concurrency=1) || status=$?
[ -s "$PRIVET_RECORDING" ] || fail "nothing was recorded"
[ "$status" -eq 0 ] || fail "a client failed (seed $seed)"

# The others start a `privet serve` of their own.
if [ "$direct" != 1 ]; then
    (cd "$here/vault" && PYTHONDONTWRITEBYTECODE=1 PRIVET_BIN=$PRIVET_BIN timeout 600 "$vault/bin/python" -m pytest \
        --quiet --no-header -p no:cacheprovider) || fail "Databunker's client or an interface of its failed"
    (cd "$here/telemetry" && PYTHONDONTWRITEBYTECODE=1 PRIVET_BIN=$PRIVET_BIN timeout 300 "$telemetry/bin/python" -m pytest \
        --quiet --no-header) || fail "the official messages of OpenTelemetry do not read what a collector is told"
    (cd "$here/schemathesis" && PYTHONDONTWRITEBYTECODE=1 PRIVET_BIN=$PRIVET_BIN timeout 900 "$schemathesis/bin/python" -m pytest \
        --quiet --no-header) || fail "Schemathesis found that the server differs from its OpenAPI document"
fi

# So does the console's.
if [ "$direct" != 1 ]; then
    browser=${PRIVET_CHROMIUM:-/usr/bin/chromium}
    if [ ! -x "$browser" ] && [ -z "${PRIVET_CHROMIUM:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        (timeout 300 apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 900 apt-get install -y -qq -o DPkg::Lock::Timeout=300 \
            --no-install-recommends chromium fonts-dejavu-core) >/dev/null || fail "chromium cannot be installed"
    fi
    [ -x "$browser" ] || fail "no browser at $browser; install Debian's package chromium, or name one in PRIVET_CHROMIUM"
    console=$(install_once console install_console "$here/console/package.json" "$here/console/package-lock.json")
    pictures=${PRIVET_SCREENSHOTS:+$(realpath -m "$PRIVET_SCREENSHOTS")}
    mkdir "$work/console"
    cp "$here/console/console.test.mjs" "$here/console/package.json" "$work/console/"
    ln -s "$console/node_modules" "$work/console/node_modules"
    (cd "$work/console" && PRIVET_BIN=$PRIVET_BIN PRIVET_DEMO_URL=http://127.0.0.1:$port PRIVET_CHROMIUM=$browser \
        PRIVET_SCREENSHOTS=$pictures \
        timeout 600 node --test console.test.mjs) || fail "the console failed"
fi

# And the extension's: on the scan instead of the gateway.
if [ "$direct" != 1 ]; then
    extension=$root/extensions/jupyterlab
    mapfile -t parts < <(find "$extension" -name node_modules -prune -o -type f -not -name '*.pyc' -print | sort)
    jupyterlab=$(install_once jupyterlab install_jupyterlab "$here/jupyterlab/requirements.txt" "${parts[@]}")
    (cd "$here/jupyterlab" && PYTHONDONTWRITEBYTECODE=1 PRIVET_BIN=$PRIVET_BIN PRIVET_EXTENSION=$extension \
        timeout 300 "$jupyterlab/bin/python" -m pytest --quiet --no-header) || fail "a notebook was not mended or saved as it is to be"
    mkdir "$work/jupyterlab"
    cp "$here/jupyterlab/jupyterlab.test.mjs" "$here/console/package.json" "$work/jupyterlab/"
    ln -s "$console/node_modules" "$work/jupyterlab/node_modules"
    (cd "$work/jupyterlab" && PRIVET_BIN=$PRIVET_BIN PRIVET_JUPYTER=$jupyterlab PRIVET_CHROMIUM=$browser PRIVET_SCREENSHOTS=$pictures \
        timeout 600 node --test jupyterlab.test.mjs) || fail "the extension of JupyterLab failed"
fi
