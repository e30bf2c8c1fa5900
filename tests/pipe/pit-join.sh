#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pit-join over whole files: sorted or not, on one stream or several, from files or pipes, in little memory, the rows are the same;
# CSV, JSON lines and frames say the same; input that ends early is said to.
set -euo pipefail
. "$TESTS/assert.bash"

feature_log 50 400 3000
pit-join --tolerance 2m labels.csv features.tp >wanted.csv 2>summary
like "the summary" "^pit-join: 3000 labels: [0-9]+ joined, [0-9]+ missing.*would have leaked in an event-time join" "$(tr '\n' ' ' <summary)"
equal "rows and header" 3001 "$(wc -l <wanted.csv)"

echo "a pipe, handed over in pieces"
drip <features.tp | pit-join --tolerance 2m --order sorted --quiet labels.csv - >got.csv
same_bytes "from a pipe" wanted.csv got.csv

echo "several streams"
for part in 0 1 2; do
  fcat features.tp --only features | awk -v part=$part 'NR % 3 == part' | fcat --from json --to frames >"part-$part.tp"
done
pit-join --tolerance 2m --quiet labels.csv part-0.tp part-1.tp part-2.tp >got.csv
same_bytes "from three streams" wanted.csv got.csv

echo "features in any order, in little memory"
fcat features.tp --only features | shuf --random-source=<(yes) | fcat --from json --to frames >shuffled.tp
mkdir spill
pit-join --tolerance 2m --memory 512k --spill spill labels.csv shuffled.tp >got.csv 2>got.summary
same_bytes "from a shuffled stream" wanted.csv got.csv
same_bytes "its summary" summary got.summary
equal "files left" "" "$(ls spill)"
pit-join --tolerance 2m --order any --memory 512k --quiet labels.csv - <shuffled.tp >got.csv
same_bytes "from a shuffled pipe" wanted.csv got.csv
code_of pit-join --tolerance 2m --quiet labels.csv - <shuffled.tp >got.csv 2>message
equal "a shuffled pipe that is not sorted" 65 $code
like "its message" "frame [0-9]+ at byte [0-9]+: .*--order any" "$(cat message)"

echo "labels in any order"
{ head -1 labels.csv && tail -n +2 labels.csv | shuf --random-source=<(yes); } >shuffled.csv
pit-join --tolerance 2m --memory 512k shuffled.csv features.tp >got.csv 2>got.summary
same_bytes "the summary of shuffled labels" summary got.summary
cut -d, -f1-3 got.csv | cmp - shuffled.csv || fail "shuffled labels do not keep their order"
{ head -1 got.csv && tail -n +2 got.csv | sort; } >sorted.got
{ head -1 wanted.csv && tail -n +2 wanted.csv | sort; } >sorted.wanted
same_bytes "shuffled labels" sorted.wanted sorted.got
code_of pit-join --tolerance 2m --order sorted --quiet shuffled.csv features.tp >got.csv 2>message
equal "labels that are not in order" 65 $code
like "their message" "^pit-join: shuffled.csv:[0-9]+: a label of .*--order any" "$(cat message)"

echo "frames and JSON say what CSV says"
pit-join --tolerance 2m --quiet labels.tp features.tp >got.tp
fcat got.tp | awk '/"frame":"close"/ { print /"final":true/ }' | grep -qx 1 || fail "the frames are not whole"
pit-join --tolerance 2m --quiet --to json labels.csv features.tp >got.json
python3 - <<'END' || fail "the forms differ"
import csv, json, subprocess
rows = list(csv.DictReader(open("wanted.csv")))
lines = [json.loads(line) for line in open("got.json")]
frames = []
for line in subprocess.run(["fcat", "--only", "features", "got.tp"], capture_output=True, text=True, check=True).stdout.splitlines():
    frame = json.loads(line)
    columns = {column["name"]: column["value"] for column in frame["column"]}
    for i, entity in enumerate(frame["entity"]):
        found = frame["as_of"][i] != "1970-01-01T00:00:00Z"
        frames.append((entity, frame["label_time"][i], columns["failed"][i],
                       *((frame["as_of"][i], frame["known_at"][i], columns["x"][i]) if found else (None, None, None))))
assert len(rows) == len(lines) == len(frames) == 3000
joined = 0
for row, line, frame in zip(rows, lines, frames):
    text = (row["entity"], row["time"], float(row["failed"]), row["as_of"] or None, row["known_at"] or None,
            float(row["x"]) if row["x"] else None)
    assert text == (line["entity"], line["time"], line["failed"], line["as_of"], line["known_at"], line["x"]), (text, line)
    assert text == frame, (text, frame)
    assert (row["age"] == "") == (line["age"] is None) == (row["x"] == "")
    joined += row["x"] != ""
assert 2500 < joined < 3000, joined
END

echo "labels are answered as far as the log is known"
bytes=$(stat -c %s features.tp)
head -c $((bytes / 2)) features.tp >torn.tp
code_of pit-join --tolerance 2m --quiet --order sorted labels.csv torn.tp >got.csv 2>message
equal "a torn log" 65 $code
like "its message" "^pit-join: frame [0-9]+ at byte [0-9]+: torn.tp: the input ends inside a frame" "$(cat message)"
lines=$(wc -l <got.csv)
[ "$lines" -gt 1000 ] && [ "$lines" -lt 2000 ] || fail "$lines lines of a torn log"
head -n "$lines" wanted.csv | cmp - got.csv || fail "a torn log gives other rows"
fcat --exact features.tp | sed 's/"sealed":true/"sealed":false/; /"frame":"close"/d' | fcat --from json --to frames >unsealed.tp
pit-join --tolerance 2m --quiet labels.csv unsealed.tp >got.csv 2>message
like "its message" "^pit-join: [0-9]+ labels are not answered: .*--finish" "$(cat message)"
head -n "$(wc -l <got.csv)" wanted.csv | cmp - got.csv || fail "an unsealed log gives other rows"
pit-join --tolerance 2m --quiet --finish labels.csv unsealed.tp >got.csv
same_bytes "an unsealed log that is the end" wanted.csv got.csv

echo "every explanation that is asked for agrees with the row"
for row in 1 500 1500 2999; do
  pit-join --tolerance 2m --explain $row labels.csv features.tp >why
  as_of=$(sed -n "$((row + 1))p" wanted.csv | cut -d, -f4)
  grep -q "^joined  *as_of ${as_of:-none}," why || { [ -z "$as_of" ] && grep -q '^joined  *nothing' why; } || fail "row $row: $(cat why)"
done
