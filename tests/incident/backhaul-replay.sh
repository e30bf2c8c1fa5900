#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A kept incident is reproduced byte for byte, and so is one made anew; a pipeline that loses the lane of the backlog, or takes
# all lines for one node, spoils the day, and is caught.
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
mkdir made
"$TESTS/incident/make" made

# broken SED: the incident, with the frames changed on their way into the pipeline.
broken() {
  code_of incident run "$incident" --pipeline "fcat | sed '$1' | fcat --from json --to frames |
    winagg --keep --policy spine.json | twin-fold --policy spine.json" >said 2>stderr
  equal "$1" 1 "$code"
  silent stderr
}

for incident in "$TESTS/incident/backhaul-replay" made/backhaul-replay; do
  incident run "$incident" >said 2>&1
  silent said
  # What the incident is about. The hours in which line 1 went away and came back were sent and are added to, no row is sent
  # twice, each line has its whole day, and the twin of line 1 never goes back.
  python3 - "$incident/expected" <<'END'
import collections, json, subprocess, sys
counts, deltas, last = collections.Counter(), [], ""
for line in subprocess.run(["fcat", sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines():
    frame = json.loads(line)
    if frame["frame"] == "aggregates":
        for series, start, count, revision, delta in zip(*(frame[name] for name in ("series", "start", "count", "revision", "delta"))):
            counts[series] += count
            deltas += [(series, start)] if delta else []
            assert delta or revision == 0, (series, start)
    if frame["frame"] == "twin" and frame["asset"] == "pump-0001":
        time = next((metric.get("time", "") for metric in frame["metric"] if metric["sensor"] == "temp-bearing"), "")
        assert time >= last, (time, last)
        last = time
assert deltas == [("plant-1/line-1/pump-0001/temp-bearing", f"2026-05-18T{hour}:00:00Z") for hour in ("06", "11")], deltas
assert sorted(counts.values()) == [145, 145, 146], counts  # every ten minutes, at the birth, and at the birth after the outage
END

  broken 's/,"historical":true//'
  like "the day has a hole" 'plant-1/line-1/pump-0001/temp-bearing: [0-9]+ aggregates rows differ
  2026-05-18T06:00:00Z: expected count [0-9]+, mean [0-9.]+, [^;]*historical true[^;]*; got nothing' "$(cat said)"
  like "by whom" 'by policy spine version 3 owner operations digest [0-9a-f]{12}: winagg rule hours ' "$(cat said)"

  broken 's|"node":"plant-1/line-."|"node":"plant-1"|'
  like "line 3 has the outage of line 1" 'plant-1/line-3/pump-0003/temp-bearing: [0-9]+ twin rows differ' "$(cat said)"
  like "its hour is cut short" '2026-05-18T06:00:00Z: expected count 6, mean [^;]*, cut 0, [^;]*; got count [0-9], mean [^;]*, cut 2,' "$(cat said)"
done
