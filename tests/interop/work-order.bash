# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of work-order: predictions of a small plant, a maintenance system, and what must hold of its orders.

cat >policy.json <<'END'
{
  "name": "test", "version": "1", "owner": "tests",
  "work-order": [{"match": "+/+/+/+", "confirm": "2/3", "clear": "3h", "cool_down": "2h", "labels": "team=a", "notify": ["planning"]}]
}
END

# plant ASSETS ROWS [POSITIONS]: JSON lines of predictions whose conditions come and go, with a Position behind every so many rows.
plant() {
  python3 - "$@" <<'END'
import json, random, sys
assets, rows, every = int(sys.argv[1]), int(sys.argv[2]), int((sys.argv + ["0"])[3])
source = random.Random(7)
print(json.dumps({"frame": "open", "schema": 1, "producer": "score", "sealed": True}))
frames = number = 0
state = {}
for row in range(rows):
    for mode in ("bearing", "seal"):
        time = f"2026-01-{1 + row // 24:02d}T{row % 24:02d}:00:00Z"
        names = [f"plant-1.line-{1 + a % 3}.pump-{a}" for a in range(assets)]
        for name in names:
            if source.random() < 0.15:
                state[name, mode] = not state.get((name, mode))
        fired = [bool(state.get((name, mode))) for name in names]
        print(json.dumps({
            "frame": "predictions", "entity": names, "as_of": [time] * assets, "known_at": [time] * assets,
            "score": [0.9 if f else 0.1 for f in fired], "fired": fired, "threshold": 0.5, "model_digest": "m", "definition_digest": "d",
            "failure_mode": mode, "feature": [{"name": "x", "value": [row + a / 10 for a in range(assets)]}],
            "contribution": [{"name": "x", "value": [0.5] * assets}],
            "trend": [{"row": a, "feature": "x", "as_of": [time], "value": [row]} for a in range(assets) if fired[a]]}))
        frames += 1
    if every and row % every == 0:
        number += 1
        print(json.dumps({"frame": "position", "source": "plant", "number": number, "offset": [{"name": "rows", "next": row + 1}]}))
        frames += 1
print(json.dumps({"frame": "close", "frames": frames, "final": True}))
END
}
nothing() { printf '%s\n' '{"frame":"open","schema":1,"producer":"score"}' | fcat --from json --to frames; }

# serve NAME OPTION… -- DEED…: as serve_http, of orders in NAME.orders; sets $url and $search too.
serve() {
  rm -f "$1.orders"
  serve_http "$1" --orders "$1.orders" "${@:2}"
  url=http://127.0.0.1:$port/orders search="http://127.0.0.1:$port/orders?externalReference={key}"
}
order() { work-order --policy policy.json "$@"; }
deliver() {
  local box=$1
  shift
  order --outbox "$box" --url "$url" --search-url "$search" --timeout 1s --settle 1s --retry-first 20ms --retry-longest 200ms "$@"
}
# ordered_once FILE: exactly the expected orders, each once, with the bytes of the evidence that a replay gives.
ordered_once() {
  python3 - "$1" expected <<'END'
import collections, json, sys
made = [json.loads(line) for line in open(sys.argv[1])]
expected = {order["externalReference"]: order for order in map(json.loads, open(sys.argv[2]))}
times = collections.Counter(order["externalReference"] for order in made)
assert set(times) == set(expected), set(times) ^ set(expected)
assert all(count == 1 for count in times.values()), {key: count for key, count in times.items() if count > 1}
for order in made:
    assert {k: v for k, v in order.items() if k != "id"} == expected[order["externalReference"]], order
END
}
# answers STREAM; told_as STATE: how many orders it tells so.
answers() { fcat --only work_order "$1" >told.json; }
told_as() { grep -c "\"state\":\"$1\"" told.json || true; }
