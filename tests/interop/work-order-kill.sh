#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# work-order killed with kill -9 again and again, at any point, against a maintenance system that fails and knows no order by its
# key: each start goes on at the last Position that came through, with its state and its outbox, and in the end there is exactly one
# order of each episode, and each was told. KILLS (6) drawn from SEED.
# ctest: timeout=120
set -euo pipefail
. "$TESTS/interop/servers.bash"
command -v python3 >/dev/null || skip "python3 is missing"
. "$TESTS/interop/work-order.bash"
kills=${KILLS:-6} assets=${ASSETS:-4} rows=${ROWS:-30} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
echo "seed $seed, $kills kills"
RANDOM=$seed

plant "$assets" "$rows" 1 >rows.json
fcat --from json --to frames rows.json >rows.tp
order --print <rows.tp >expected
wanted=$(wc -l <expected)
deeds=(slow:0.05)
for ((i = 0; i < wanted; ++i)); do
  case $((RANDOM % 12)) in
    0) deeds+=(500:created) ;;
    1) deeds+=(500) ;;
    2) deeds+=(cut) ;;
    3) deeds+=(close) ;;
    4) deeds+=(409:created) ;;
    5) deeds+=("late:0.$((RANDOM % 5 + 1))") ;;
    6) deeds+=(get:500 503) ;;
    *) deeds+=("slow:0.0$((RANDOM % 9))") ;;
  esac
done
serve kill -- "${deeds[@]}" hang

# feed: what a source sends that goes on where the last Position that came through stands, at a pace.
cat >feed.py <<'END'
import os, re, sys, time
lines = open("rows.json").read().splitlines()
whole = open("out.json").read().splitlines() if os.path.exists("out.json") else []
done = [line for line in whole if '"frame":"position"' in line]
start = 1
print(lines[0])
if done:
    number = int(re.search(r'"number":(\d+)', done[-1]).group(1))
    at = next(i for i, line in enumerate(lines) if '"position"' in line and f'"number": {number},' in line)
    print(lines[at].replace('{"frame": "position", ', '{"frame": "resume", "position": {') + "}")
    start = at + 1
rest = [line for line in lines[start:] if '"close"' not in line]
pace = float(sys.argv[1])
for line in rest:
    print(line, flush=True)
    time.sleep(pace if '"position"' in line else 0)
frames = len(rest) + (1 if done else 0)
print('{"frame": "close", "frames": %d, "final": true}' % frames)
END
run() {
  python3 feed.py "$1" 2>>feed.err | fcat --from json --to frames 2>>fcat.err |
    { echo $BASHPID >order.pid && exec work-order --policy policy.json --state state --keep --outbox box --url "$url" \
      --search-url "$search" --timeout 1s --settle 1s --retry-first 10ms --retry-longest 100ms 2>>order.err; } >>out.tp
}
# What reached the disk of whoever reads; a torn end is what a reader would refuse.
read_out() { fcat --exact out.tp >part.json 2>/dev/null || true; cat part.json >>out.json; : >out.tp; }
mkfifo idle
pause() { read -rt "$1" <>idle || true; }
for ((kill = 0; kill < kills; ++kill)); do
  rm -f order.pid
  { run 0.03 || true; } 2>/dev/null &
  until_true 10 test -s order.pid
  pause "0.$(printf %03d $((RANDOM % 900 + 30)))"
  command kill -KILL "$(cat order.pid)" 2>/dev/null || true
  wait $! || true
  read_out
done
run 0 || fail "the last run: $(tail -n 3 order.err)"
read_out
ordered_once kill.orders
equal "orders that wait" 0 "$(find box/waiting -type f | wc -l)"
# Everybody who reads on where a Position came through hears of each order.
grep '"frame":"work_order"' out.json | grep -v '"spooled"' | sed 's/.*"idempotency_key":"\([^"]*\)".*/\1/' | sort -u >told
grep -o '"externalReference":"[^"]*"' expected | cut -d'"' -f4 | sort >keys
same_bytes "orders told" keys told
posts=$(grep -vc '"get"' kill.log) gets=$(grep -c '"get"' kill.log)
echo "$wanted orders, $posts requests to create, $gets searches, $kills kills"
