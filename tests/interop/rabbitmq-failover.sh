#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: long timeout=900 serial
# Three RabbitMQ nodes with the MQTT plugin, one killed with -9 under sp-sub: it goes on at another one, its persistent
# session has moved with it, and no QoS 1 message of a plain topic is lost.
set -euo pipefail
. "$TESTS/interop/servers.bash"
bin=/usr/lib/rabbitmq/bin
[ -x $bin/rabbitmq-server ] || skip "RabbitMQ is not installed"
command -v epmd >/dev/null || skip "Erlang's epmd is not installed"

base=$((20000 + RANDOM % 12000 / 100 * 100))
mkdir home
printf twinpipe >home/.erlang.cookie
chmod 400 home/.erlang.cookie
export HOME=$SCRATCH/home ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$((base + 90)) RABBITMQ_CONF_ENV_FILE=/dev/null
# One scheduler a node that does not spin, and no port but on the loopback.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none'
epmd -address 127.0.0.1 -port $ERL_EPMD_PORT &
server_pids+=($!)

start_node() { # NUMBER
  local i=$1 at=$SCRATCH/r$1
  mkdir "$at"
  {
    echo "listeners.tcp.1 = 127.0.0.1:$((base + 10 + i))"
    echo "mqtt.listeners.tcp.1 = 127.0.0.1:$((base + i))"
    echo 'mqtt.allow_anonymous = true
      mqtt.default_user = guest
      mqtt.default_pass = guest
      mqtt.durable_queue_type = quorum
      mqtt.subscription_ttl = 86400000
      cluster_partition_handling = pause_minority
      disk_free_limit.absolute = 50MB'
    [ "$i" = 1 ] || echo 'cluster_formation.peer_discovery_backend = classic_config
      cluster_formation.classic_config.nodes.1 = r1@localhost'
  } >"$at/rabbitmq.conf"
  echo '[rabbitmq_mqtt].' >"$at/plugins"
  env RABBITMQ_NODENAME="r$i@localhost" RABBITMQ_CONFIG_FILE="$at/rabbitmq" RABBITMQ_ENABLED_PLUGINS_FILE="$at/plugins" \
    RABBITMQ_MNESIA_BASE="$at/mnesia" RABBITMQ_LOG_BASE="$at" RABBITMQ_DIST_PORT=$((base + 20 + i)) RABBITMQ_PID_FILE="$at/pid" \
    RABBITMQ_GENERATED_CONFIG_DIR="$at/gen" $bin/rabbitmq-server >"$at/out" 2>&1 </dev/null &
  server_pids+=($!)
  # Until it takes a client: nodes that start at once race for the plugin's own group, and a loser refuses clients for good.
  until_true 200 mosquitto_pub -h 127.0.0.1 -p $((base + i)) -i probe -t probe -m x 2>/dev/null
  server_pids+=("$(cat "$at/pid")")
}
for i in 1 2 3; do start_node $i; done

: >heard
broker() { echo "mqtt://127.0.0.1:$((base + $1))"; }
sp-sub --broker "$(broker 2)" --broker "$(broker 3)" --broker "$(broker 1)" --client-id sub --plain '+/+/+/state' --payload text \
  --clock arrival >heard 2>sub.err &
sub=$!
server_pids+=($sub)

# A stream of numbers to the node that stays, QoS 1, each when the one before is acknowledged.
mkfifo numbers
mosquitto_pub -h 127.0.0.1 -p $((base + 1)) -i pub -q 1 -t G1/E1/D1/state -l <numbers &
pub=$!
server_pids+=($pub)
exec 7>numbers
heard_numbers() { stream_text <heard 2>/dev/null | awk '/^value G1\/E1\/D1 state / { print $6 }'; }
has_heard() { heard_numbers | grep -qx "$1"; }
# Before its first subscription there is no session: zeros until one comes through.
hears_zero() { echo 0 >&7 && has_heard 0; }
until_true 60 hears_zero
seq 1 1000 >&7
until_true 60 has_heard 500
kill -9 "$(cat r2/pid)"
seq 1001 3000 >&7
until_true 120 has_heard 3000
exec 7>&-
code_of wait $pub
kill -TERM $sub
code_of wait $sub
equal 'exit code of sp-sub' 0 "$code"
equal 'numbers that arrived' 3000 "$(heard_numbers | grep -vx 0 | sort -nu | wc -l)"
like 'its messages' "$(broker 2)" "$(cat sub.err)"
