#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# work-order against a maintenance system that fails in every way and knows no order by its key: exactly one order of each episode,
# with the evidence that a replay gives; what is refused is kept with the answer and told. Then TLS with a CA of our own, tokens,
# searches that do not search, an outbox that is full, readers that leave, and completed orders.
# ctest: timeout=120
set -euo pipefail
. "$TESTS/interop/servers.bash"
for program in python3 openssl; do command -v $program >/dev/null || skip "$program is missing"; done
. "$TESTS/interop/work-order.bash"

plant 6 24 >rows.json
fcat --from json --to frames rows.json >rows.tp
order --print <rows.tp >expected
wanted=$(wc -l <expected)
[ "$wanted" -ge 14 ] || fail "only $wanted orders"

# ---- everything that can go wrong ----------------------------------------------------------------------------------------------
serve all -- close cut hang 500 500:created 429:1 503 409 409:created late:0.3 slow:0.2 200 502 408 cut 403 close 200 502:created hang \
  get:500 get:200 get:cut get:200 get:503 get:404
deliver box <rows.tp >out.tp 2>err
ordered_once all.orders
for deed in 500:2 hang:2 cut:2 429:1 503:1 409:2 late:1 502:2 408:1 403:1 slow:1; do
  equal "times that it did ${deed%:*}" "${deed#*:}" "$(grep -v '"get"' all.log | grep -c "\"did\": \"${deed%:*}\"")"
done
equal "orders that wait" 0 "$(find box/waiting -type f | wc -l)"
equal "orders sent" "$wanted" "$(find box/sent -type f ! -name '*.answer' | wc -l)"
like "what was said of failures" "the next attempt is in" "$(cat err)"
# Each order was searched for right before it was created, and told once: created, or existed.
answers out.tp
[ "$(told_as existed)" -ge 6 ] || fail "only $(told_as existed) orders existed"
equal "orders told" "$wanted" "$(($(told_as existed) + $(told_as created)))"
fcat --only work_order out.tp | python3 -c '
import json, sys
orders = {o["externalReference"]: o for o in map(json.loads, open("all.orders"))}
for told in map(json.loads, sys.stdin):
    order = orders[told["idempotency_key"]]
    assert told["evidence_digest"] == order["evidenceDigest"], told
    assert told["state"] == "spooled" or told["external_id"] == order["id"], (told, order["id"])
    assert told["asset"] == order["asset"] and told["as_of"] == order["evidence"]["as_of"]'
# The same rows again: nobody is asked, and the answers are told again.
: >all.log
deliver box <rows.tp >again.tp
silent all.log
answers again.tp
equal "answers told again" "$wanted" "$(($(told_as existed) + $(told_as created)))"
# Another machine with another outbox: the system has them all.
deliver box-other <rows.tp >other.tp
answers other.tp
equal "orders that were there" "$wanted" "$(told_as existed)"
ordered_once all.orders

# ---- refused for good ------------------------------------------------------------------------------------------------------------
serve refusing --refuse plant-1.line-2. --
deliver box2 <rows.tp >out.tp 2>err
refused=$(grep -c '"asset":"plant-1.line-2.' expected)
answers out.tp
equal "orders refused" "$refused" "$(told_as refused)"
equal "orders kept" "$refused" "$(find box2/refused -type f ! -name '*.answer' | wc -l)"
equal "answers kept" "$refused" "$(grep -l '"http_status":404' box2/refused/*.answer | wc -l)"
equal "lines about them" "$refused" "$(grep -c 'is refused: http://127.0.0.1:[0-9]*/orders answers 404: kept as box2/refused/' err)"
equal "the others" "$((wanted - refused))" "$(wc -l <refusing.orders)"

# ---- nobody there, and then somebody ---------------------------------------------------------------------------------------------
kill "$server_pid" && wait "$server_pid" || true
code_of deliver box3 --drain-for 500ms --finish <rows.tp >out.tp 2>err
equal "nobody there" 75 "$code"
like "nobody there" "$wanted messages wait in box3" "$(tail -n 1 err)"
answers out.tp
equal "orders told to wait, once" "$wanted" "$(told_as spooled)"
serve later --port "$port" --
nothing | deliver box3 >out.tp
ordered_once later.orders
answers out.tp
equal "orders told by whoever came next" "$wanted" "$(told_as created)"

# ---- a full outbox, and a reader that leaves -------------------------------------------------------------------------------------
kill "$server_pid" && wait "$server_pid" || true
deliver box4 --outbox-limit 3 <rows.tp >out.tp 2>err &
order_pid=$!
until_true 10 grep -q 'box4: full: 3 messages wait, and the input waits with them' err
serve full --port "$port" --
wait "$order_pid" || fail "the outbox had room again: $(cat err)"
# What was sent is kept as much as waits, so the system's own list counts here.
ordered_once full.orders
kill "$server_pid" && wait "$server_pid" || true
deliver box5 <rows.tp 2>err | head -c 1 >/dev/null
[ "$(find box5/waiting -type f | wc -l)" -ge 1 ] || fail "a reader that left: the orders are gone"

# ---- a search that does not search -----------------------------------------------------------------------------------------------
serve blind --
echo '{"id": "WO-0", "externalReference": "somebody-else"}' >blind.orders
search="http://127.0.0.1:$port/orders?reference={key}"
code_of deliver box6 --drain-for 300ms --finish <rows.tp >out.tp 2>err
equal "a search that does not search" 75 "$code"
like "a search that does not search" "does it search for the reference" "$(head -n 1 err)"
equal "orders made blindly" 1 "$(wc -l <blind.orders)"

# ---- TLS and a token -------------------------------------------------------------------------------------------------------------
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=test CA' 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj '/CN=127.0.0.1' 2>/dev/null
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
  -extfile <(echo 'subjectAltName=IP:127.0.0.1') 2>/dev/null
serve tls --tls server.pem server.key --token secret-1 -- hang cut 500
url=https://127.0.0.1:$port/orders search="https://127.0.0.1:$port/orders?externalReference={key}"
code_of deliver box7 --drain-for 300ms --finish <rows.tp >out.tp 2>err
equal "a certificate of nobody known" 75 "$code"
like "a certificate of nobody known" "certificate" "$(head -n 1 err)"
silent tls.log
echo secret-0 >token
code_of deliver box7 --ca ca.pem --token-file token --drain-for 300ms --finish <rows.tp >out.tp 2>err
equal "a wrong token" 75 "$code"
like "a wrong token" "answers 401" "$(head -n 1 err)"
! grep -q secret err || fail "the token was told"
echo secret-1 >token
deliver box7 --ca ca.pem --token-file token <rows.tp >out.tp 2>err
ordered_once tls.orders

# ---- completed orders ------------------------------------------------------------------------------------------------------------
cat >done.json <<'END'
{"items": [
  {"id": 17, "asset": "plant-1.line-1.pump-2", "failureMode": "seal", "externalReference": "k2", "completedAt": "2026-01-02T02:00:00+02:00"},
  {"id": "WO-1", "asset": "plant-1.line-1.pump-1", "completedAt": "2026-01-01T10:00:00Z"},
  {"id": "WO-3", "completedAt": "2026-01-01T10:00:00Z"}
]}
END
serve poll --completed done.json --
poll() { work-order poll --url "http://127.0.0.1:$port/completed?since={since}" --state polled "$@"; }
poll >done.tp 2>err
fcat done.tp | sed -n 's/"time":"[^"]*"}$/"time":NOW}/; 2p'
fcat --only work_order done.tp >told
cat >wanted <<'END'
{"frame":"work_order","asset":"plant-1.line-1.pump-1","state":"completed","external_id":"WO-1","time":"2026-01-01T10:00:00Z"}
{"frame":"work_order","asset":"plant-1.line-1.pump-2","failure_mode":"seal","idempotency_key":"k2","state":"completed","external_id":"17","time":"2026-01-02T00:00:00Z"}
END
same_bytes "completed orders" wanted told
like "an order of no asset" "left out: .*WO-3.*: no asset at /asset" "$(cat err)"
equal "frames that say when it was known" 1 "$(fcat --only arrival done.tp | wc -l)"
# Each once, and the next question begins where the answers ended.
poll 2>/dev/null | fcat --only work_order >told
silent told
like "the second question" 'since=2025-12-03T00%3A00%3A00Z' "$(tail -n 1 poll.log)"
echo '{"items": "none"}' >done.json
code_of poll 2>err | cat >/dev/null
like "an answer that is none" "what should be the list of orders is none" "$(cat err)"
# Again and again, until told to stop.
echo '[]' >done.json
work-order poll --url "http://127.0.0.1:$port/completed" --state polled --every 50ms >every.tp 2>err &
poll_pid=$!
until_true 10 test -s every.tp
echo '[{"id": "WO-9", "asset": "plant-1.line-1.pump-9", "completedAt": "2026-01-03T00:00:00Z"}]' >done.new
mv done.new done.json
until_true 10 grep -q pump-9 every.tp
kill -TERM "$poll_pid"
wait "$poll_pid" || fail "told to stop: $(cat err)"
equal "orders told while it ran" 1 "$(fcat --only work_order every.tp | wc -l)"
# Beside measurements they stay behind the clock that they became known with.
plant-sim --duration 10s --assets 1 --lines 1 --metrics-only >plant.tp
fmerge plant.tp done.tp >merged.tp
fcat --only arrival,work_order merged.tp | grep -A 9 -B 1 '"frame":"work_order"' >merged
equal "completed orders in a merge" 2 "$(grep -c work_order merged)"
like "the clock ahead of them" '"frame":"arrival"' "$(head -n 1 merged)"
