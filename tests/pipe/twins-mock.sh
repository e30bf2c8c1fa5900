#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Twins through the mock cluster: a record an asset, complete, a tombstone when it is retired, and back as frames.
set -euo pipefail
source "$TESTS/assert.bash"

kmock --topic asset.twin:3 --topic json.twin:3 >boot &
mock=$!
trap 'kill "$mock" 2>/dev/null || true' EXIT
until_true 20 test -s boot
brokers=$(cat boot)

cat >in.jsonl <<'END'
{"frame":"series","site":"P1","line":"L1","asset":"press","node":"n","sensor":[{"alias":0,"name":"temp","type":"double"}]}
{"frame":"series","site":"P1","line":"L1","asset":"oven","node":"n","sensor":[{"alias":1,"name":"temp","type":"double"}]}
{"frame":"asset_facts","site":"P1","line":"L1","asset":"oven","from":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:10Z","fact":[{"name":"class","value":"oven"}]}
{"frame":"reading","series":"P1/L1/press/temp","time":"2026-01-01T00:00:01Z","value":21.5}
{"frame":"reading","series":"P1/L1/oven/temp","time":"2026-01-01T00:00:02Z","value":180}
{"frame":"watermark","node":"n","time":"2026-01-01T00:00:03Z"}
{"frame":"position","source":"by hand","number":1}
{"frame":"reading","series":"P1/L1/press/temp","time":"2026-01-01T00:00:04Z","value":22.5}
{"frame":"watermark","node":"n","time":"2026-01-01T00:00:05Z"}
{"frame":"watermark","node":"n","time":"2026-01-01T00:01:10Z"}
{"frame":"position","source":"by hand","number":2}
END
fcat --from json --to frames in.jsonl | twin-fold --lateness 1m --snapshot twins.json >twins.tp
kbridge --brokers "$brokers" --twins asset.twin --cursor sent --stats 100 <twins.tp 2>stats
like "the cursor" 'number: 2' "$(cat sent)"
like "a tombstone is counted" 'tombstones 1' "$(cat stats)"

# What a compacted topic keeps is the last record of each key: one twin and one null.
kcat -C -q -b "$brokers" -t asset.twin -e -o beginning -f '%k %S\n' | awk '{ last[$1] = $2 } END { for (key in last) print key, (last[key] > 0) }' | sort >last
equal "the last record of each key" "P1.L1.oven 0
P1.L1.press 1" "$(cat last)"
kcat -C -q -b "$brokers" -t asset.twin -e -o beginning -f '%k\n' | sort -u >keys
equal "every record has an asset for its key" 2 "$(grep -c '^P1\.L1\.' keys)"

# ksub brings both back: the newest twin is that of the snapshot, and the oven is retired.
ksub --brokers "$brokers" --topic asset.twin --until-end >back.tp
fcat --only twin back.tp >back.jsonl
equal "twins" "$(fcat --only twin twins.tp | wc -l)" "$(wc -l <back.jsonl)"
like "the tombstone" '"asset":"oven".*"retired":true' "$(grep '"retired"' back.jsonl)"
like "the table" 'P1.L1.oven .*retired' "$(fcat --to table --last back.tp | grep retired)"
grep -F '"asset":"press"' back.jsonl | tail -1 >press
fcat --only twin twins.tp | grep -F '"asset":"press"' | tail -1 | cmp - press || fail "the newest twin differs"
# The rest of the toolkit takes a tombstone as a frame like others.
twin-fold <back.tp | kbridge --brokers "$brokers" --twins json.twin --value json
kcat -C -q -b "$brokers" -t json.twin -e -o beginning -f '%k %S %s\n' >json
equal "as JSON, tombstones" "P1.L1.oven -1 " "$(grep ' -1 ' json)"
like "as JSON, the press" '"frame":"twin","site":"P1","line":"L1","asset":"press"' "$(grep press json | tail -1)"

code_of kbridge --brokers "$brokers" --twins asset.twin --route '+/+/+/+=x' </dev/null 2>err
equal "--twins with routes" 64 "$code"
