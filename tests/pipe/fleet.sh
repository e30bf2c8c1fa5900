#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The fleet test. Two plants; A is cut off for four hours while B goes on, then A's backlog comes through A's own buffer. At
# every point B's twins and aggregates are those without the cut; A's say the same in the same order, only later; and nothing
# is late anywhere. With one watermark for the fleet, as common stream engines have it, the backlog is late: the test would see
# that.
set -euo pipefail
. "$TESTS/pipe/outage.bash"
outage_policy >policy.json

# An hour of each plant is a segment; which plant's comes first is free.
hour() { date -u -d "2026-01-01T00:00:00Z + $1 hours" +%Y-%m-%dT%H:%M:%SZ; }
for plant in 1 2; do
  plant-sim --seed $plant --first-line $plant --lines 1 --assets 2 --metrics-only --duration 6h >plant-$plant.tp
  for h in {0..5}; do
    fcat --to frames --since "$(hour "$h")" --until "$(hour $((h + 1)))" plant-$plant.tp >plant-$plant.$h
  done
done
for h in {0..5}; do cat plant-1.$h plant-2.$h; done >whole.tp
# What A records from one o'clock to five, its uplink sends when it is back.
for h in {1..4}; do rawbuf append buffer <plant-1.$h; done
rawbuf tail buffer >backlog
cat plant-1.0 plant-2.{0..4} backlog plant-1.5 plant-2.5 >cut.tp

results whole.tp whole
results cut.tp cut
same_node plant-1/line-2 whole cut
same_node plant-1/line-1 whole cut
same_bytes 'the twins at the end' whole.json cut.json
nothing_late whole
nothing_late cut
equal 'what was aggregated' "$(counter whole.winagg aggregated)" "$(counter cut.winagg aggregated)"
equal 'corrections' 0 "$(counter cut.winagg corrections)"

# The broken variant: both plants under the name of one node.
fcat --to json --exact cut.tp | sed 's|"node":"plant-1/line-[12]"|"node":"fleet"|g' | fcat --from json --to frames >fleet.tp
equal 'readings under one name' "$(fcat --stat cut.tp | grep ^readings)" "$(fcat --stat fleet.tp | grep ^readings)"
results fleet.tp fleet
late=$(counter fleet.winagg late)
[ "$late" -ge 30000 ] || fail "with one watermark for the fleet only $late readings of the backlog are late"
if (same_rows whole fleet) >/dev/null 2>&1; then fail 'the aggregates do not show that a backlog was dropped'; fi
