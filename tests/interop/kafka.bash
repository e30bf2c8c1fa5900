# SPDX-License-Identifier: Apache-2.0
# Sourced by tests against Apache Kafka in KRaft mode: one broker on free ports of 127.0.0.1, ended by its pid.
# Where servers.bash is sourced, server_address and server_in say where else.

kafka_java=(java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

# kafka_prepare DIRECTORY: fetches the jars if need be and formats the log directory; sets $kafka_brokers.
kafka_prepare() {
  local tool
  for tool in java mvn kcat; do command -v $tool > /dev/null || skip "$tool is not installed"; done
  kafka_dir=$1
  kafka_jars=$("$TESTS/../scripts/kafka-fetch") || skip "Kafka's jars cannot be fetched"
  local port controller
  port=$(free_port) controller=$(free_port)
  local address=${server_address:-127.0.0.1}
  kafka_brokers=$address:$port
  mkdir -p "$kafka_dir/data"
  cat > "$kafka_dir/server.properties" << PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://$address:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://$address:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$kafka_dir/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=4
PROPERTIES
  "${kafka_java[@]}" -cp "$kafka_jars/*" kafka.tools.StorageTool format -t "$(head -c16 /dev/urandom | base64 | tr '+/' '-_' | cut -c1-22)" \
    -c "$kafka_dir/server.properties" > "$kafka_dir/format.log" 2>&1 || fail "cannot format: $(tail -3 "$kafka_dir/format.log")"
}

kafka_answers() { "${server_in[@]}" kcat -b "$kafka_brokers" -m 1 -L > /dev/null 2>&1; }

# kafka_start: starts the broker, for the first time or again; sets $kafka_pid.
kafka_start() {
  "${server_in[@]}" "${kafka_java[@]}" -cp "$kafka_jars/*" kafka.Kafka "$kafka_dir/server.properties" >> "$kafka_dir/log" 2>&1 < /dev/null &
  kafka_pid=$!
  until_true 90 kafka_answers
}

# kafka_stop [SIGNAL]
kafka_stop() {
  [ -n "${kafka_pid-}" ] || return 0
  kill "-${1:-TERM}" "$kafka_pid" 2> /dev/null || true
  wait "$kafka_pid" 2> /dev/null || true
  kafka_pid=
}
