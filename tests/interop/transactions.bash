# SPDX-License-Identifier: Apache-2.0
# Sourced by the campaigns against kbridge's transactions: kills at random points, and what a reader then finds.

topics=(telemetry.vibration telemetry.thermal asset.state asset.alarms twinpipe.dead-letters)

# transaction_campaign KILLS SEED: one plant's stream through kbridge into $kafka_brokers, with KILLS kills on its way, each time
# started again from what was committed; then every reading is there once, in the order of its asset.
transaction_campaign() {
  local kills=$1 killed=0 again=0 stopped=0 starved=0 endless=1000000000 at
  RANDOM=$2
  echo "seed $2, $kills kills"
  until [ $killed -ge "$kills" ]; do
    from_committed $endless $((RANDOM % 4))
    case $code in
      124) stopped=$((stopped + 1)) ;;
      137) killed=$((killed + 1)) ;;
      # The commit that was under way came through after all.
      75) again=$((again + 1)) && like "why again" 'start again from the committed one|start the source there' "$(cat bridge.err)" ;;
      65) starved=$((starved + 1)) ;;
      *) fail "kbridge: code $code: $(cat bridge.err)" ;;
    esac
  done
  at=$(kbridge --brokers "$kafka_brokers" --committed chain | sed 's/.*number: \([0-9]*\).*/\1/')
  echo "killed $killed, told to stop $stopped, sources killed $starved, started again once more $again; $((at)) rounds"
  plant_stream 20 $((at + 30)) 64 5 > whole.tw
  from_committed $((at + 30)) none
  equal "the last run: $(cat bridge.err)" 0 "$code"
  each_once_in_order whole.tw
}

# from_committed ROUNDS WHOM: from what was committed to the last round, or until a signal comes: to kbridge, or to its source. Sets $code.
from_committed() {
  local from
  from=$(kbridge --brokers "$kafka_brokers" --committed chain) || equal "--committed" 1 $?
  local command=(kbridge --brokers "$kafka_brokers" --transactional-id chain) source=(plant_stream 20 "$1" 64 5 "$from") after
  printf -v after '0.%04d' $((500 + RANDOM % 9500))
  case $2 in
    0) command=(timeout -s TERM "$after" "${command[@]}") ;;
    1) source=(timeout -s KILL "$after" "${source[@]}") ;;
    2 | 3) command=(timeout -s KILL "$after" "${command[@]}") ;;
  esac
  code=0
  # The shell's own words about the killed are nobody's.
  { "${source[@]}" | "${command[@]}" 2> bridge.err || code=$?; } 2> shell.err
}

# each_once_in_order FILE: the topics hold exactly the readings of this stream, those of an asset in its order, for ksub and for kcat.
each_once_in_order() {
  local topic all=()
  for topic in "${topics[@]}"; do all+=(--topic "$topic"); done
  fcat --only readings,waveform "$1" | sort > expected.txt
  ksub --brokers "$kafka_brokers" "${all[@]}" --until-end | fcat --only readings,waveform | sort > found.txt
  cmp expected.txt found.txt || fail "lost or doubled: $(comm -3 expected.txt found.txt | wc -l) lines"
  for topic in "${topics[@]}"; do kcat -b "$kafka_brokers" -X isolation.level=read_committed -t "$topic" -C -e -q -D '' -f '%s'; done > values.tw
  fcat --only readings --to csv values.tw > values.csv
  # Times are of one width and rise within a series.
  awk -F, 'NR > 1 { if ($2 <= last[$1]) { print "not in order: " $0; wrong = 1 } last[$1] = $2 } END { exit wrong }' values.csv
}
