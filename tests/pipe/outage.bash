# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of outages: what a stream comes to, and in which words two results differ.
# shellcheck source=tests/assert.bash
. "$TESTS/assert.bash"

# Windows of every kind: tumbling, sliding, weighted by time; and freshness of both kinds.
outage_policy() {
  cat <<'JSON'
{
  "name": "outage", "version": "1", "owner": "tests",
  "winagg": [
    {"match": "+/+/+/temp-bearing", "window": "10s", "lateness": "2s"},
    {"match": "+/+/+/temp-motor", "window": "1m", "lateness": "5s", "period": "1s"},
    {"match": "+/+/+/load", "window": "10m", "slide": "2m", "lateness": "5s"}
  ],
  "exc-pass": [
    {"name": "hot", "match": "+/+/+/temp-bearing", "signal": "value", "above": 80, "post": "1m"}
  ],
  "freshness": [
    {"match": "+/+/+/temp-*", "slo": "10s"},
    {"match": "+/+/+/vibration-rms", "slo": "10s"},
    {"match": "+/+/+/+", "reports": "on-change"}
  ]
}
JSON
}

# results STREAM NAME: aggregates into NAME.rows, twins into NAME.twins, the last twins into NAME.json, counters into
# NAME.winagg and NAME.twin-fold. policy.json is the policy.
results() {
  rm -f "$2".{rows,twins,json}
  winagg --policy policy.json --metrics "$2.winagg" <"$1" >"$2.rows"
  twin-fold --policy policy.json --snapshot "$2.json" --metrics "$2.twin-fold" <"$1" >"$2.twins"
}

# counter FILE NAME: of a file of --metrics.
counter() { awk -v name="twinpipe_$2_total" 'index($1, name "{") == 1 { print $2 }' "$1"; }

# of_node SITE/LINE NAME: the node's aggregates and twins, in their order, as text.
of_node() {
  fcat --canonical --only aggregates --match "$1/+/+" "$2.rows" | grep -v '"frame":"close"'
  fcat --only twin --match "$1/+/+" "$2.twins"
}

# same_node SITE/LINE NAME NAME: at every point what it says is the same.
same_node() {
  of_node "$1" "$2" >left
  of_node "$1" "$3" >right
  [ -s left ] || fail "nothing is said of $1"
  cmp -s left right || fail "$1: $2 and $3 differ: $(diff left right | head -n 4 | cut -c1-600)"
}

# same_rows NAME NAME: the windows come to the same at the end.
same_rows() {
  local name
  for name in "$1" "$2"; do fcat --only aggregates "$name.rows" >"$name.lines"; done
  "$TESTS/pipe/final_rows.py" "$1.lines" "$2.lines" || fail "$1 and $2: the aggregates differ"
}

# nothing_late NAME
nothing_late() {
  local tool
  for tool in winagg twin-fold; do equal "late in $1, by $tool" 0 "$(counter "$1.$tool" late)"; done
}
