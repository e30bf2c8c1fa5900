#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# alert behind rawbuf tail and twin-fold, killed with kill -9 again and again while the service fails: every message of the
# uninterrupted run is taken, none that is not one of them, and again only what was taken in the moment of a kill, under the same
# key. KILLS (8) drawn from SEED.
# ctest: timeout=180
set -euo pipefail
. "$TESTS/interop/servers.bash"
command -v python3 >/dev/null || skip "python3 is missing"
kills=${KILLS:-8} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
echo "seed $seed, $kills kills"
RANDOM=$seed

cat >policy.json <<'END'
{
  "name": "test", "version": "1", "owner": "tests",
  "freshness": [{"match": "+/+/+/temp-*", "slo": "5s"}],
  "alert": [
    {"match": "+/+/+/+", "on": "dead", "severity": "critical", "on_delay": "3s"},
    {"match": "+/+/+/alarm", "on": "alarm", "normal": ["NONE"], "off_delay": "5s"},
    {"match": "+/+/+/+", "on": "stale", "group": "none"}
  ]
}
END
faults=()
for start in 10 40 70 100 130; do
  faults+=(--fault "kill:plant-1/line-1:${start}s:8s" --fault "silence:+/line-2/+/temp-*:$((start + 5))s:12s"
    --fault "silence:+/line-3/+/temp-motor:$((start + 1))s:9s")
done
# At a pace, so that each tick is a record of its own with a Position behind.
plant-sim --duration 160s --assets 6 --lines 3 --metrics-only --speed 80x "${faults[@]}" --fault 'bearing:*/*/pump-0003/*:1s:30s:outer@50' |
  rawbuf append --sync none raw
# Positions are barriers where messages leave: the uninterrupted run reads the same ones.
rawbuf tail raw --position-every 0s | twin-fold --policy policy.json --state whole.twin | alert --policy policy.json --remind 20s \
  --print --state whole.alert >expected
wanted=$(wc -l <expected)
[ "$wanted" -ge 30 ] || fail "only $wanted messages"

deeds=()
for i in {1..12}; do
  deeds+=(500 200 200 cut 200 200 200 slow:0.05 503)
  ((i % 5)) || deeds+=(hang)
done
serve_http service -- "${deeds[@]}"
url=http://127.0.0.1:$port/

mkfifo idle
pause() { read -rt "$1" <>idle || true; }
run() {
  local from=()
  [ ! -e cursor ] || from=(--from cursor)
  rawbuf tail raw --position-every 0s --cursor cursor "${from[@]}" 2>>tail.err |
    twin-fold --policy policy.json --state twin 2>>twin.err |
    { echo $BASHPID >alert.pid && exec alert --policy policy.json --remind 20s --state alert --cursor cursor --outbox box --url "$url" \
      --timeout 2s --retry-first 10ms --retry-longest 50ms 2>>alert.err; }
}
for ((kill = 0; kill < kills; ++kill)); do
  rm -f alert.pid
  { run || true; } 2>/dev/null &
  until_true 10 test -s alert.pid
  pause "0.$(printf %03d $((RANDOM % 400 + 20)))"
  command kill -KILL "$(cat alert.pid)" 2>/dev/null || true
  wait $! || true
done
run || fail "the last run: $(tail -n 3 alert.err tail.err twin.err)"

python3 - service.log expected "$kills" <<'END'
import collections, json, sys
expected = {message["id"]: message for message in map(json.loads, open(sys.argv[2]))}
log = [json.loads(line) for line in open(sys.argv[1])]
taken = [entry for entry in log if entry["did"] in ("200", "slow")]
times = collections.Counter(entry["id"] for entry in taken)
assert set(times) == set(expected), (set(times) ^ set(expected))
assert all(entry["message"] == expected[entry["id"]] for entry in log), "another message under the same key"
again = sum(times.values()) - len(times)
assert again <= int(sys.argv[3]), f"{again} taken again after {sys.argv[3]} kills"
first = list(dict.fromkeys(entry["id"] for entry in taken))
for node in {message["node"] for message in expected.values()}:
    wanted = [key for key, message in expected.items() if message["node"] == node]
    assert [key for key in first if key in set(wanted)] == wanted, f"order of {node}"
print(f"{len(expected)} messages, {len(log)} attempts, {again} taken again")
END
