#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every stateful filter with --state, alone and all in one pipe behind rawbuf tail, killed with kill -9 at random points, with open
# windows, an open swinging door and a full pre-trigger ring: what the sink keeps is, line by line and in its order, what it keeps
# without the stops. Compared is fcat's JSON and not the bytes, because a filter that is resumed between two segments gives the
# series that it still holds back other aliases; left out is what each process says anew (declarations, policies). ROUNDS kills of
# each (5), drawn from SEED.
# ctest: timeout=300
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
rounds=${ROUNDS:-5} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
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
  "quarantine": [
    {"match": "+/+/+/temp-*", "expect": "rate", "per_second": 0.2},
    {"match": "+/+/+/load", "expect": "stuck", "longest": "5s"},
    {"match": "+/+/+/state", "expect": "stuck", "longest": "7s", "action": "warn"}
  ],
  "freshness": [{"match": "+/+/+/temp-*", "slo": "5s"}]
}
END
policy=$PWD/policy.json

# Two short recordings of one session, the second too late for windows; then vibration without a break, a bearing that is damaged, a node that dies
# and comes back with a backlog: at a pace that leaves time to kill, so that each tick is a record of its own with a Position behind.
plant() {
  plant-sim --assets 3 --lines 2 --duration 40s --start 2025-12-31T23:00:00Z --metrics-only
  plant-sim --assets 3 --lines 2 --duration 3s --start 2025-12-31T23:00:00Z --seed 2 --metrics-only
  plant-sim --assets 3 --lines 2 --duration 60s --tick 250ms --waveform-every 1s --waveform-rate 2000 --columns 16 \
    --seed $((seed % 1000)) --fault 'bearing:plant-1/line-1/pump-0001/vibration-de:20s:5s:outer@10' \
    --fault 'outage:plant-1/line-2:25s:12s' "$@"
}
plant >in.tp
frames=$(fcat --exact in.tp | wc -l)

# start NAME COMMAND…: becomes the command, its process id in NAME.pid and its messages in NAME.err.
start() {
  local name=$1
  shift
  echo $BASHPID >"$name.pid"
  exec "$@" 2>"$name.err"
}
stage() {
  local tool=$1
  shift
  start "$tool" "$tool" "$@" --policy "$policy" --state "$tool.state"
}
filters_deadband() { stage deadband; }
filters_winagg() { stage winagg --keep --late late; }
filters_fft-bands() { stage fft-bands --keep; }
filters_exc-pass() { stage exc-pass --gate --reach 10s; }
filters_quarantine() { stage quarantine; }
filters_twin-fold() { stage twin-fold; }
filters_chain() { stage fft-bands --keep | stage winagg --keep --late late | stage exc-pass --gate | stage deadband; }

# said OUT: what is compared.
said() {
  fcat "$1" | grep -vE '^\{"frame":"(open|close|series|position|resume|applied)"' |
    sed -E 's/,"position":\{"source"[^]]*\]\}//'  # of a reject: without rawbuf there is none
}
# reached FRAME: the cursor is there.
reached() {
  local key value
  [ -e cursor ] || return 1
  while read -r key value; do
    [ "$key" != next: ] || [ "$value" -lt "$1" ] || return 0
  done <cursor
  return 1
}
started() { [ "$(cat ./*.pid 2>/dev/null | wc -l)" = $([ "$1" = chain ] && echo 6 || echo 3) ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
reached_or_gone() { reached "$1" || gone "$2"; }

# run NAME [OPTION…]: the pipe of this name behind rawbuf tail, in the background; sets $pipe.
run() {
  local name=$1
  shift
  rm -f ./*.pid
  { start tail rawbuf tail ../raw --cursor cursor --position-every 0 "$@" | "filters_$name" | start sink keep out cursor || true; } 2>/dev/null &
  pipe=$!
}

# Only that upstream died may be said: what lacks its state, or refuses to go on, would say so here.
check_messages() {
  if cat ./*.err | grep -v ' died$\|the input ends inside a frame\|the input is empty\|: the input starts anew; what an earlier run wrote is now late.1'; then fail "$1: a message"; fi
}

campaign() {
  local name=$1 kill pid pids pipe
  mkdir "$name" "$name.whole"
  (cd "$name.whole" && "filters_$name" <../in.tp | start sink keep out cursor && said out >said)
  cd "$name"
  RANDOM=$((seed + $2))
  for ((kill = 0; kill < rounds; ++kill)); do
    run "$name" --follow
    until_true 60 started "$name"
    # The first one comes around the first Position.
    [ $kill = 0 ] || until_true 120 reached_or_gone $((frames * kill / rounds + RANDOM % (frames / rounds) - 1)) $pipe
    gone $pipe && check_messages "$name" && fail "$name: ended by itself"
    mapfile -t pids < <(cat ./*.pid)
    # All at once, or one alone: then the others notice and end by themselves.
    [ $((RANDOM % 2)) = 0 ] || pids=("${pids[RANDOM % ${#pids[@]}]}")
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    until_true 60 gone $pipe
    wait $pipe 2>/dev/null || true
    check_messages "$name"
  done
  until_true 120 test -e ../appended
  run "$name"
  wait $pipe || true
  check_messages "$name"
  said out >said
  cmp ../"$name.whole"/said said || fail "$name: not what it is without stops: $(diff ../"$name.whole"/said said | cut -c1-300 | head -n 20)"
  [ ! -e late ] || cmp ../"$name.whole"/late late || fail "$name: the late side output differs"
  echo "$name: $kill kills, $(wc -l <said) lines"
}

{ plant --speed "$((rounds > 120 ? 1 : 120 / rounds))x" | rawbuf append raw --sync always && touch appended; } &
until_true 20 test -e raw/catalog
names=(deadband winagg fft-bands exc-pass quarantine twin-fold chain) campaigns=()
for i in "${!names[@]}"; do
  campaign "${names[i]}" "$i" &
  campaigns+=($!)
done
wait_for() { wait "$1" || failed=yes; }
failed=
for pid in "${campaigns[@]}"; do wait_for "$pid"; done
wait
[ -z "$failed" ] || fail "seed $seed"
