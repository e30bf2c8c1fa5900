#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The edge chain under one policy, man/edge-policy.json: what it saves of a plant's slow signals and of its vibration, that
# every change of state and every alarm gets through, that what was promised holds, and that an exception keeps the
# raw waveforms from before the crossing on, byte for byte.
# ctest: timeout=300
set -euo pipefail
. "$TESTS/assert.bash"
policy=$TESTS/../man/edge-policy.json
cd "$SCRATCH"
policy check "$policy"

chain() {
  fft-bands --keep --policy "$policy" | winagg --keep --policy "$policy" | exc-pass --gate --policy "$policy" |
    deadband --policy "$policy"
}
# report BEFORE AFTER EXPRESSION: of the egress report `r`, in Python.
report() {
  egress --json "$1" "$2" | python3 -c '
import json, sys
r = json.load(sys.stdin)
classes = {c["class"]: c for c in r["classes"]}
saved = lambda c: 100 * (1 - c["after"]["wire_bytes"] / c["before"]["wire_bytes"])
print(eval(sys.argv[1]))' "$3"
}
readings_of() { fcat --to csv --only readings --match "+/+/+/$1" "$2"; }

# 100 assets with slow signals alone, each second, for 10 minutes.
plant-sim --assets 100 --lines 10 --duration 10m --metrics-only >slow.tp
deadband --policy "$policy" <slow.tp >slow-kept.tp
equal "egress of slow signals at least 60 % smaller" True \
  "$(report slow.tp slow-kept.tp 'saved(classes["telemetry.thermal"]) >= 60 and saved(r["all"]) >= 60')"
equal "readings farther from the truth than promised, or lost" 0 \
  "$(report slow.tp slow-kept.tp 'sum(row["beyond"] + row["unknown"] for row in r["reconstruction"])')"
for sensor in state alarm; do
  readings_of $sensor slow.tp >$sensor.before
  readings_of $sensor slow-kept.tp >$sensor.after
  same_bytes "every $sensor is kept" $sensor.before $sensor.after
done

# 100 assets with 8 kHz vibration without a break.
plant-sim --assets 100 --lines 10 --duration 20s --waveform-every 1s >mix.tp
chain <mix.tp >mix-kept.tp
equal "egress of vibration at least 99 % smaller" True "$(report mix.tp mix-kept.tp 'saved(classes["telemetry.vibration"]) >= 99')"
equal "readings farther from the truth than promised, or lost" 0 \
  "$(report mix.tp mix-kept.tp 'sum(row["beyond"] + row["unknown"] for row in r["reconstruction"])')"

# A bearing that is damaged from 30 s on.
plant-sim --assets 4 --lines 2 --duration 80s --waveform-every 1s \
  --fault 'bearing:plant-1/line-1/pump-0002/vibration-de:30s:10s:outer@10' >fault.tp
chain <fault.tp >fault-kept.tp
fcat --only exception fault-kept.tp >exceptions
equal "exceptions that open" 1 "$(grep -c '"phase":"open"' exceptions)"
like "the exception" '"rule":"outer race","series":"plant-1/line-1/pump-0002/vibration-de"' "$(head -n 1 exceptions)"
fcat --only waveform --match '+/+/pump-0002/vibration-*' fault.tp >raw.jsonl
fcat --only waveform fault-kept.tp >pinned.jsonl
python3 - <<'END'
import json
from datetime import datetime, timedelta

def time_of(text):  # milliseconds are all that these have
    return datetime.fromisoformat(text.rstrip("Z"))

opened = json.loads(open("exceptions").readline())
assert "lost_until" not in opened, opened
began = time_of(opened["from"])
assert began <= datetime(2026, 1, 1, 0, 0, 30), opened  # before the damage
raw = [json.loads(line) for line in open("raw.jsonl")]
kept = [json.loads(line) for line in open("pinned.jsonl")]
# A waveform belongs to the window when one of its samples does; each lasts a second.
expected = {(w["series"], w["time"]): w for w in raw if time_of(w["time"]) + timedelta(seconds=1 - 1 / 8000) >= began}
for waveform in kept:
    assert waveform.pop("pinned") is True
    assert waveform == expected.pop((waveform["series"], waveform["time"])), waveform["time"]
assert not expected and len(kept) >= 2 * 40, (sorted(expected)[:3], len(kept))
END
