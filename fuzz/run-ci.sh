#!/usr/bin/env bash
# Fuzzes the engines for a short while.
#
# Always replays the committed corpus, and mutations of it, on the compiler at hand. Where a nightly compiler and
# `cargo fuzz` are there as well, libFuzzer follows.
#
# PRIVET_FUZZ_SECONDS   for each target (default 3)
# PRIVET_FUZZ_SEED      of the replay's mutations (default 1; take others when hunting)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${PRIVET_FUZZ_SECONDS:-3}
seed=${PRIVET_FUZZ_SEED:-1}

if ! cargo metadata --locked --format-version 1 >/dev/null 2>&1; then
    # Says why; a lock file that lags behind is the usual reason.
    cargo metadata --locked --format-version 1 >/dev/null || {
        echo "fuzz/run-ci.sh: if Cargo.lock is behind the engines: (cd fuzz && cargo update --workspace)" >&2
        exit 1
    }
fi
cargo run --locked --quiet --bin replay -- --seconds "$seconds" --seed "$seed"

if cargo +nightly fuzz --version >/dev/null 2>&1; then
    for target in sse json_body settings detect restore normalize encoder classifier json_file csv_file records windows gold manifest operators recognizers presidio checkpoint tile entries log_folder evidence share sealed sealed_stream passphrase import receipt backup keyring dsr_body identity update guard guarded controls sinks schema control_files scan_file artifact dependencies advisories secret_rules notebook_fix scan_state sealed_artifact; do
        # New inputs go to a folder of their own, so that a run leaves the clone as it was.
        found=$(mktemp -d)
        cargo +nightly fuzz run --fuzz-dir . --features libfuzzer "$target" "$found" "corpus/$target" -- \
            -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384
        rm -rf "$found"
    done
else
    echo "fuzz/run-ci.sh: no nightly compiler with cargo-fuzz here; replayed only"
fi
