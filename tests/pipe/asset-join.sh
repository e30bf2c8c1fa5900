#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# unit-norm | asset-join: each reading under the asset of its event time and in the canonical unit, whatever pieces the bytes come
# in; what is told of assets survives a buffer, a merge, text and Kafka.
# ctest: timeout=120
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
cat >policy.json <<'JSON'
{"name": "p", "version": "1", "owner": "o", "unit-norm": [{"match": "+/+/+/temp-*", "unit": "K"}]}
JSON
cat >registry.csv <<'CSV'
registry,plant-1,owner,o@example.com,as_of,2026-01-01,slo,12s
asset,from,series,sensor,class
plant-1.line-1.pump-0001,2020-01-01,,,pump
plant-1.line-1.pump-0002,2020-01-01,,,pump
plant-1.line-1.pump-0002,2026-01-01T00:00:05Z,,,pump serviced
plant-1.line-1.pump-0002,2026-01-01T00:00:08Z,plant-1/line-1/pump-0001/temp-motor,temp-casing,
plant-1.line-2.pump-0030,2020-01-01,,,compressor
plant-1.line-2.pump-0030,2025-01-01,plant-1/line-2/pump-0003/+,,
CSV
readings() { fcat --to csv --only readings "$@" | sort; }

plant-sim --assets 4 --lines 2 --duration 20s --waveform-every 5s --waveform-rate 1000 >plant.tp
unit-norm --policy policy.json <plant.tp >units.tp
asset-join --registry registry.csv <units.tp >joined.tp 2>messages
equal "messages" "asset-join: registry plant-1 of 2026-01-01T00:00:00Z is older than its SLO of 12s: ask o@example.com for a newer one
asset-join: plant-1.line-2.pump-0004 is not in registry plant-1" "$(cat messages)"

# A naive join of text.
readings units.tp | sed -E 's|^plant-1/line-2/pump-0003/|plant-1/line-2/pump-0030/|' |
  awk -F, -v OFS=, '$1 == "plant-1/line-1/pump-0001/temp-motor" && $2 >= "2026-01-01T00:00:08" { $1 = "plant-1/line-1/pump-0002/temp-casing" } 1' |
  sort >expected
readings joined.tp >actual
cmp expected actual || fail "not every reading is where the registry says"
equal "moved readings are there" True "$(python3 -c 'import sys; print(int(sys.argv[1]) > 5)' "$(grep -c temp-casing actual)")"
equal "waveforms of the renumbered pump" "$(fcat --only waveform --match '+/+/pump-0003/+' units.tp | wc -l)" \
  "$(fcat --only waveform --match '+/+/pump-0030/+' joined.tp | wc -l)"

# Facts ahead of the tick that passes their date: fresh and before, serviced, stale.
fcat --only asset_facts,watermark joined.tp | grep -E 'pump-0002"|watermark.*line-1"' |
  sed -E 's/.*"frame":"watermark".*"time":"2026-01-01T([0-9:.]*)Z".*/tick \1/; s/.*"value":"([^"]*)".*"registry_stale":true.*/\1, stale/; s/.*"value":"([^"]*)".*/\1/' >told
equal "what is told of pump-0002, and when" "pump 00:00:05 pump serviced 00:00:12 pump serviced, stale" \
  "$(python3 - <<'PY'
words, waiting = [], None
for line in open("told").read().splitlines():
    if line.startswith("tick "):
        if waiting: words += [line[5:13], waiting]
        waiting = None
    elif not words: words.append(line)
    else: waiting = line
print(" ".join(words))
PY
)"

for seed in "" "7 300"; do
  # Words on purpose: a seed and a size.
  # shellcheck disable=SC2086
  drip $seed <plant.tp | unit-norm --policy policy.json | asset-join --registry registry.csv 2>/dev/null >dripped.tp
  same_bytes "in pieces" joined.tp dripped.tp
done

# Through other tools.
facts() { fcat --only asset_facts "$@" | sort; }
facts joined.tp >facts
equal "facts are there" True "$(python3 -c 'print(len(open("facts").readlines()) >= 9)')"
rawbuf append buffer <joined.tp
rawbuf replay buffer --speed max >replayed.tp
fmerge joined.tp >merged.tp
fcat joined.tp | fcat --from json --to frames >texted.tp
twin-fold --changes none --policy <(echo '{"name": "p", "version": "1", "owner": "o"}') <joined.tp >folded.tp
kmock --topic refined:3 --topic twinpipe.dead-letters:1 --topic twinpipe.positions:1 >boot &
mock=$!
trap 'kill "$mock" 2>/dev/null || true' EXIT
until_true 20 test -s boot
kbridge --brokers "$(cat boot)" --route '+/+/+/+=refined' <joined.tp
ksub --brokers "$(cat boot)" --topic refined --until-end >back.tp
for copy in replayed merged texted folded back; do
  cmp facts <(facts $copy.tp) || fail "$copy.tp: facts differ"
  [ $copy = folded ] || cmp expected <(readings $copy.tp) || fail "$copy.tp: readings differ"
done
