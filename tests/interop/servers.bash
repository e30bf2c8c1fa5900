# SPDX-License-Identifier: Apache-2.0
# Sourced by test scripts: real servers on free ports of 127.0.0.1, ended by their process ids when the script ends.
# A test with a network of its own (network.bash) sets server_address, and server_in to the command that runs them in it.
# shellcheck source=tests/assert.bash
. "$TESTS/assert.bash"

server_pids=()
server_address=127.0.0.1
server_in=()

stop_servers() {
  local pid
  for pid in "${server_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${server_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap stop_servers EXIT

# start_mosquitto NAME [CONFIGURATION LINE…]: sets $port and $mosquitto_pid. Its files are $SCRATCH/NAME.{conf,log}.
start_mosquitto() {
  local name=$1 tries
  shift
  command -v mosquitto >/dev/null || skip "mosquitto is not installed"
  for tries in {1..30}; do
    port=${fixed_port:-$((20000 + RANDOM % 12000))}
    {
      echo "listener $port $server_address"
      echo "allow_anonymous true"
      echo "max_queued_messages 100000"
      [ $# = 0 ] || printf '%s\n' "$@"
    } >"$SCRATCH/$name.conf"
    : >"$SCRATCH/$name.log"
    "${server_in[@]}" mosquitto -c "$SCRATCH/$name.conf" >>"$SCRATCH/$name.log" 2>&1 &
    mosquitto_pid=$!
    until_true 10 mosquitto_decided "$name"
    if grep -q ' running$' "$SCRATCH/$name.log"; then
      server_pids+=("$mosquitto_pid")
      return
    fi
    wait "$mosquitto_pid" || true
  done
  fail "mosquitto does not start: $(tail -n 3 "$SCRATCH/$name.log")"
}
# restart_mosquitto NAME PORT [CONFIGURATION LINE…]: again on the port that it had.
restart_mosquitto() {
  local name=$1 fixed_port=$2
  shift 2
  start_mosquitto "$name" "$@"
}
mosquitto_decided() { grep -q ' running$' "$SCRATCH/$1.log" || ! kill -0 "$mosquitto_pid" 2>/dev/null; }

# listen TOPIC FILE [OPTION…]: writes a line a message into FILE, "topic qos retain hex"; sets $listener_pid. Returns when the
# broker has granted the subscription.
listen() {
  local topic=$1 file=$2
  shift 2
  : >"$file.all"
  stdbuf -oL mosquitto_sub -d -h 127.0.0.1 -p "$port" -t "$topic" -F 'MESSAGE %t %q %r %x' "$@" >"$file.all" 2>&1 &
  listener_pid=$!
  server_pids+=("$listener_pid")
  until_true 10 grep -q '^Subscribed' "$file.all"
  ln -sf "$file.all" "$file"
}
# heard FILE: the messages so far, as "topic qos retain hex".
heard() { sed -n 's/^MESSAGE //p' "$1"; }

# serve_http NAME OPTION… -- DEED…: an http_server.py; sets $port and $server_pid. The log is NAME.log.
serve_http() {
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1") && shift; done
  shift
  : >"$name.log"
  rm -f "$name.port"
  "$TESTS/interop/http_server.py" "${options[@]}" -- "$name.log" "$@" >"$name.port" 2>"$name.err" &
  server_pid=$!
  server_pids+=("$server_pid")
  until_true 10 test -s "$name.port"
  port=$(cat "$name.port")
}

# payload HEX: a Sparkplug payload as text.
payload() { xxd -r -p <<<"$1" | protoc --decode=twinpipe.sparkplug.Payload -I "$TESTS/../libcore/proto" sparkplug_b.proto; }

# encode <TEXT >STREAM: frames from their text form.
encode() { protoc --encode=twinpipe.v1.Stream -I "$TESTS/../libcore/proto" frames.proto; }

# library NAME: sets $library to the directory of somebody else's library, fetched when it is not there.
library() {
  local status=0
  library=$("$TESTS/../scripts/interop-fetch" "$1") || status=$?
  [ $status = 0 ] || skip "$1 cannot be fetched"
}

# tahu: compiles tests/interop/tahu against Tahu into $SCRATCH/classes.
tahu() {
  command -v javac >/dev/null || skip "no Java compiler"
  library tahu
  javac -encoding UTF-8 -nowarn -cp "$library/lib/*" -d "$SCRATCH/classes" "$TESTS"/interop/tahu/*.java
  cat >"$SCRATCH/classes/logback.xml" <<'XML'
<configuration><statusListener class="ch.qos.logback.core.status.NopStatusListener"/><root level="OFF"/></configuration>
XML
}
# tahu_run CLASS ARGUMENT…
tahu_run() { java -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$SCRATCH/classes:$library/lib/*" "$@"; }
