#!/usr/bin/env bash
# Checks what deploy/ holds besides programs: images, compose, Kubernetes, systemd, Prometheus, Grafana, the runbook. Starts nothing. Installs what it needs.
# With a folder it checks the pages that are there too: what /metrics of running programs gave, as *.txt and *.openmetrics, and that all metrics which
# rules, dashboards and runbook name are among them.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/install-deploy.sh

tools=$(realpath "${CARGO_TARGET_DIR:-target}")/tools
PATH=$tools/deploy/bin:$tools/prometheus/usr/bin:$PATH
compose=$(echo "$tools"/deploy/lib/python3*/site-packages/compose/docker-compose)
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

say() { echo "-- $*"; }

say images
hadolint deploy/docker/Dockerfile

say compose
"$compose" --file deploy/compose.yaml --profile demo config --quiet
for site in http://proxy https://bot.example.org; do
    WEBHOOK_URL=$site caddy validate --adapter caddyfile --config deploy/proxy/Caddyfile >"$made/caddy" 2>&1 || { cat "$made/caddy"; exit 1; }
done

say NATS
for config in deploy/nats.conf deploy/kubernetes/base/nats.conf deploy/kubernetes/overlays/demo/nats.conf; do
    POD_NAME=nats-0 NATS_PASSWORD=test ROUTE_0=nats://a:6222 ROUTE_1=nats://b:6222 ROUTE_2=nats://c:6222 nats-server -t -c "$config" >"$made/nats" 2>&1 ||
        { cat "$made/nats"; exit 1; }
done

say Kubernetes
# The files themselves are checked below in any case.
if command -v kustomize >/dev/null; then kustomize=(kustomize build); else kustomize=(kubectl kustomize); fi
if command -v "${kustomize[0]}" >/dev/null; then
    for overlay in production demo; do "${kustomize[@]}" "deploy/kubernetes/overlays/$overlay" >"$made/$overlay.yaml"; done
else
    echo "neither kustomize nor kubectl is here: the overlays are not built"
fi

say systemd
if command -v systemd-analyze >/dev/null; then
    mkdir "$made/units"
    # It wants to find the programs.
    for unit in deploy/systemd/*; do sed 's#/usr/local/bin/[a-z]*#/bin/true#' "$unit" >"$made/units/${unit##*/}"; done
    # Faults that it goes on after are only printed.
    systemd-analyze verify "$made"/units/* 2>&1 | tee "$made/verified"
    [ ! -s "$made/verified" ]
    for unit in "$made"/units/*; do systemd-analyze security --offline=true --threshold=15 "$unit" >"$made/exposed" || { cat "$made/exposed"; exit 1; }; done
else
    echo "systemd-analyze is not here: the units are not checked"
fi

say "Prometheus and Alertmanager"
promtool check config deploy/prometheus/prometheus.yml >"$made/checked" || { cat "$made/checked"; exit 1; }
promtool test rules deploy/prometheus/tests/*.yml >"$made/tested" 2>&1 || { cat "$made/tested"; exit 1; }
amtool check-config deploy/alertmanager/alertmanager.yml >"$made/checked" || { cat "$made/checked"; exit 1; }

say "what belongs together"
python3 tests/deploy_checks.py "$made" "$@"
# Queries of dashboards and runbook, as rules.
promtool check rules "$made/queries.yml" >"$made/checked" || { cat "$made/checked"; exit 1; }

for page in ${1:+"$1"/*.txt}; do promtool check metrics <"$page" || { echo "$page"; exit 1; }; done

echo "deploy/ is sound"
