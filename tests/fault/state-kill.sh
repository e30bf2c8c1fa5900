#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every stateful filter with --state, alone and all in one pipe behind rawbuf tail, killed with kill -9 at random points, with open
# windows, an open swinging door and a full pre-trigger ring: what the sink keeps is, line by line and in its order, what it keeps
# without the stops. Compared is fcat's JSON and not the bytes, because a filter that is resumed between two segments gives the
# series that it still holds back other aliases; left out is what each process says anew (declarations, policies). ROUNDS kills of
# each (3), drawn from SEED.
# ctest: timeout=300
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
rounds=${ROUNDS:-3} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
echo "seed $seed, $rounds kills of each"
RANDOM=$seed
cat >policy.json <<'END'
{
  "name": "kill", "version": "1", "owner": "reliability",
  "fft-bands": [{"match": "+/+/+/vibration-*de", "segment": 512, "overlap": 50, "window": "7s", "bands": {"low": [10, 200], "high": [200, 1000]}}],
  "winagg": [
    {"name": "vibration", "match": "+/+/+/vibration-*de", "window": "10s", "slide": "5s", "lateness": "2s"},
    {"name": "slow", "match": "+/+/+/temp-*", "window": "7s", "lateness": "2s", "weighting": "step", "heartbeat": "10s"}
  ],
  "exc-pass": [
    {"name": "strong", "match": "+/+/+/vibration-rms", "above": 1, "hysteresis": 0.2, "on_delay": "2s", "passes": "vibration-*de", "pre": "8s", "post": "15s"},
    {"name": "loud", "match": "+/+/+/vibration-de", "signal": "rms", "above": 0.3, "hysteresis": 0.1, "pre": "8s", "post": "10s", "budget": 400000}
  ],
  "deadband": [
    {"match": "+/+/+/temp-*", "swinging_door": 0.4, "heartbeat": "30s"},
    {"match": "+/+/+/vibration-rms", "absolute": 0.02, "shortest": "3s"},
    {"match": "+/+/+/rpm", "absolute": 5, "previous": true},
    {"match": "+/+/+/load", "swinging_door": 2, "heartbeat": "1m"}
  ],
  "freshness": [{"match": "+/+/+/temp-*", "slo": "5s"}]
}
END
policy=$PWD/policy.json

# Vibration without a break, a bearing that is damaged, a node that dies and comes back with a backlog. Slow enough that each tick is
# a record of its own, with a Position behind it.
plant-sim --assets 3 --lines 2 --duration 60s --tick 250ms --waveform-every 1s --waveform-rate 2000 --columns 16 --speed 60x \
  --seed $((seed % 1000)) --fault 'bearing:plant-1/line-1/pump-0001/vibration-de:20s:5s:outer@10' \
  --fault 'outage:plant-1/line-2:25s:12s' | rawbuf append raw --sync always

# start NAME COMMAND…: becomes the command, its process id in NAME.pid and its messages in NAME.err.
start() {
  local name=$1
  shift
  echo $BASHPID >"$name.pid"
  exec "$@" 2>"$name.err"
}
# The pipes. $1: start, or nothing for the run without stops.
tail_of() { ${1:+start tail} rawbuf tail ../raw --cursor cursor --position-every 0; }
stage() {
  local start=$1 tool=$2
  shift 2
  ${start:+start "$tool"} "$tool" "$@" --policy "$policy" --state "$tool.state"
}
sink() { ${1:+start sink} keep out cursor; }
pipe_deadband() { tail_of "$1" | stage "$1" deadband | sink "$1"; }
pipe_winagg() { tail_of "$1" | stage "$1" winagg --keep --late late | sink "$1"; }
pipe_fft-bands() { tail_of "$1" | stage "$1" fft-bands --keep | sink "$1"; }
pipe_exc-pass() { tail_of "$1" | stage "$1" exc-pass --gate --reach 10s | sink "$1"; }
pipe_twin-fold() { tail_of "$1" | stage "$1" twin-fold | sink "$1"; }
pipe_chain() {
  tail_of "$1" | stage "$1" fft-bands --keep | stage "$1" winagg --keep --late late | stage "$1" exc-pass --gate |
    stage "$1" deadband | sink "$1"
}

# said OUT: what is compared.
said() { fcat "$1" | grep -vE '^\{"frame":"(open|close|series|position|resume|applied)"'; }
# position: sets $number to that of the cursor.
position() {
  local key value
  number=0
  [ ! -e cursor ] || while read -r key value; do [ "$key" != number: ] || number=$value; done <cursor
}
reached() { position && [ "$number" -ge "$1" ] || ! kill -0 "$2" 2>/dev/null; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# run_to POSITION NAME: runs until the cursor is there, then kills; sets $ended when the stream ended before that.
run_to() {
  local until=$1 name=$2 pids pid files
  rm -f ./*.pid
  { "pipe_$name" start || true; } 2>/dev/null &
  local pipe=$!
  until_true 60 reached "$until" "$pipe"
  ended=
  gone "$pipe" && ended=yes
  files=(*.pid)
  mapfile -t pids < <(cat "${files[@]}")
  # All at once, or one alone: then the others notice and end by themselves.
  [ $((RANDOM % 2)) = 0 ] || pids=("${pids[RANDOM % ${#pids[@]}]}")
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  until_true 30 gone "$pipe"
  wait "$pipe" 2>/dev/null || true
  # Upstream died is all that may be said; a filter without its state would say so here.
  if cat ./*.err | grep -v ' died$\|the input ends inside a frame\|the input is empty'; then fail "$name: a message"; fi
}

campaign() {
  local name=$1 kills=0 step passes=0 ended=
  mkdir "$name.whole"
  (cd "$name.whole" && "pipe_$name" '')
  (cd "$name.whole" && position && echo "$number" >last && said out >said)
  step=$(($(cat "$name.whole/last") * 2 / rounds + 2))
  while [ $kills -lt "$rounds" ] || [ -z "$ended" ]; do
    mkdir -p "$name"
    cd "$name"
    position
    if [ $kills -lt "$rounds" ]; then run_to $((number + 1 + RANDOM % step)) "$name"; else run_to 1000000000 "$name"; fi
    if [ -z "$ended" ]; then
      kills=$((kills + 1))
    else
      said out >said
      cmp ../"$name.whole"/said said || fail "$name: not what it is without stops: $(diff ../"$name.whole"/said said | cut -c1-300 | head -n 20)"
      [ ! -e late ] || cmp ../"$name.whole"/late late || fail "$name: the late side output differs"
      passes=$((passes + 1))
    fi
    cd ..
    [ -z "$ended" ] || rm -r "$name"
  done
  echo "$name: $kills kills in $passes passes over $(cat "$name.whole/last") Positions, $(wc -l <"$name.whole/said") lines each"
}

for name in deadband winagg fft-bands exc-pass twin-fold chain; do campaign $name; done
