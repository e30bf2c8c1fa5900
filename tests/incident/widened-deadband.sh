#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A kept incident is reproduced byte for byte, and so is one made anew; the policy in which somebody forgot the end of the
# widened deadband does not show the bearing, and whoever reviews that is told what it hid and who answers for it.
set -euo pipefail
. "$TESTS/assert.bash"
cd "$SCRATCH"
mkdir made
"$TESTS/incident/make" made

for incident in "$TESTS/incident/widened-deadband" made/widened-deadband; do
  incident run "$incident" >said 2>&1
  silent said
  # What the incident is about: the bearing shows in its sixth week of growth.
  equal "exceptions that open" 1 "$(fcat --only exception "$incident/expected" | grep -c '"phase":"open"')"
  like "the exception" '"rule":"vibration grows","series":"plant-1/line-1/pump-0002/vibration-rms","time":"2026-04-2' \
    "$(fcat --only exception --head 1 "$incident/expected")"

  sed -z 's/,\n *"expires"[^}]*}/}/g; s/"version": "7"/"version": "6"/' "$incident/files/edge.json" >forgotten.json
  code_of policy check forgotten.json >findings
  equal "a review of the policy finds it" 1 "$code"
  code_of incident run "$incident" --policy forgotten.json >said 2>stderr
  equal "with the forgotten deadband" 1 "$code"
  silent stderr
  like "the bearing" 'plant-1/line-1/pump-0002/vibration-rms: [0-9]+ exception rows differ
  2026-04-2[^ ]*: expected 0\.3[0-9]+, phase "open", threshold 0\.35; got nothing' "$(cat said)"
  like "who answers" 'expected by policy edge of plant-1 version 7 owner reliability digest [0-9a-f]{12}: [^
]*deadband rule vibration \(absolute 0\.05, heartbeat 1d\)' "$(cat said)"
  like "who else" 'got by policy edge of plant-1 version 6 owner reliability digest [0-9a-f]{12}: [^
]*deadband rule flood \(absolute 0\.6\)' "$(cat said)"
done

# A new version of the policy that changes nothing here is told, and is no difference.
sed 's/"version": "7"/"version": "8"/' made/widened-deadband/files/edge.json >renamed.json
incident run made/widened-deadband --policy renamed.json >stdout 2>said
silent stdout
like "the same values" 'the same values, shaped by .* version 8 .* instead of .* version 7 ' "$(cat said)"
