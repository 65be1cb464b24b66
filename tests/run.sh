#!/usr/bin/env bash
# Runs all tests, after installing what they need: `tests/run.sh`, or with arguments of cargo test: `tests/run.sh --test system story`.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/install.sh
tests/install-deploy.sh

# The programs first: the system tests start them. All targets, so that nothing is left for cargo test to compile.
cargo build --locked --workspace --all-targets

# Where install.sh has put it, unless another one is named.
: "${NATS_SERVER_BIN:=$(realpath "${CARGO_TARGET_DIR:-target}")/tools/nats/bin/nats-server}"
export NATS_SERVER_BIN

# They wait more than they compute: two at a time on each core.
: "${RUST_TEST_THREADS:=$((2 * $(nproc)))}"
export RUST_TEST_THREADS

# Postgres is for the store's tests. It, and every server that a test starts, ends with this command, also by Ctrl-C.
exec "${CARGO_TARGET_DIR:-target}/debug/with-postgres" cargo test --locked --workspace --no-fail-fast "$@"
