#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# alert against an HTTP service that fails in every way: every message arrives, none again once it was taken, each under the id
# that it has whenever it is made, in the order of its node; what is refused is kept with the answer. Then TLS with a CA of our
# own, tokens, commands that fail, and an outbox that is full.
# ctest: timeout=120
set -euo pipefail
. "$TESTS/interop/servers.bash"
for program in python3 openssl; do command -v $program >/dev/null || skip "$program is missing"; done

cat >policy.json <<'END'
{
  "name": "test", "version": "1", "owner": "tests",
  "freshness": [{"match": "+/+/+/temp-*", "slo": "5s"}],
  "alert": [
    {"match": "+/+/+/+", "on": "dead", "severity": "critical", "notify": ["shift","boss"], "labels": "team=a"},
    {"match": "+/+/+/+", "on": "stale", "group": "none"}
  ]
}
END
plant-sim --duration 2m --assets 4 --lines 2 --metrics-only --fault 'kill:plant-1/line-1:30s:20s' \
  --fault 'silence:+/line-2/+/temp-*:20s:20s' --fault 'silence:+/line-1/*/temp-motor:70s:20s' |
  twin-fold --policy policy.json >twins.tp
alert --policy policy.json --print <twins.tp >expected
wanted=$(wc -l <expected)
[ "$wanted" -ge 14 ] || fail "only $wanted messages"
equal "ids that stand twice" 0 "$(sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' expected | sort | uniq -d | wc -l)"
plant-sim --duration 1s --assets 1 --lines 1 --metrics-only >nothing.tp

# What was taken and answered late would be sent again: so much time a service has that is well, on a busy machine too.
patience=2s
tell() {
  local box=$1
  shift
  alert --policy policy.json --outbox "$box" --timeout $patience --retry-first 20ms --retry-longest 200ms "$@"
}
# taken LOG: every message was taken once, and those of a node in their order.
taken() {
  python3 - "$1" expected "${2-}" <<'END'
import collections, json, sys
log = [json.loads(line) for line in open(sys.argv[1])]
expected = [json.loads(line) for line in open(sys.argv[2])]
refused = sys.argv[3]
expected = [message for message in expected if not refused or refused not in json.dumps(message, separators=(",", ":"))]
taken = [entry for entry in log if entry["did"] in ("200", "slow")]
by_node = lambda messages: {n: [m["id"] for m in messages if m["node"] == n] for n in {m["node"] for m in expected}}
got = [entry["message"] for entry in taken]
assert by_node(got) == by_node(expected), (by_node(got), by_node(expected))
assert sorted(map(json.dumps, got)) == sorted(map(json.dumps, expected))
assert all(entry["id"] == entry["message"]["id"] for entry in log), "a key that is not the message's id"
assert all(entry["type"] == "application/json" and entry["agent"].startswith("alert ") for entry in log)
END
}

# ---- everything that can go wrong ------------------------------------------------------------------------------------------
serve_http all -- close cut hang 500 429:1 503 409 slow:0.2 200 200 502 408 cut 403 close 200 500 hang
tell box --url "http://127.0.0.1:$port/hook" <twins.tp 2>err
taken all.log
for deed in 500:2 hang:2 cut:2 429:1 503:1 409:1 502:1 408:1 403:1 slow:1; do
  equal "times that it did ${deed%:*}" "${deed#*:}" "$(grep -c "\"did\": \"${deed%:*}\"" all.log)"
done
equal "messages that wait" 0 "$(find box/waiting -type f | wc -l)"
equal "messages sent" "$wanted" "$(find box/sent -type f | wc -l)"
like "what was said of failures" "the next attempt is in" "$(cat err)"
like "what was said of the end of failures" "delivers again, after" "$(cat err)"
# The same frames again make the same messages: nobody is told twice.
: >all.log
tell box --url "http://127.0.0.1:$port/hook" <twins.tp
silent all.log

# ---- refused for good --------------------------------------------------------------------------------------------------------
serve_http refusing --refuse plant-1/line-2/ --
tell box2 --url "http://127.0.0.1:$port" <twins.tp 2>err
taken refusing.log plant-1/line-2/
refused=$(grep -c plant-1/line-2/ expected)
equal "messages refused" "$refused" "$(find box2/refused -type f ! -name '*.answer' | wc -l)"
equal "answers" "$refused" "$(grep -l '^404$' box2/refused/*.answer | wc -l)"
equal "lines about them" "$refused" "$(grep -c 'is refused: http://127.0.0.1:[0-9]* answers 404: kept as box2/refused/' err)"
equal "attempts at each" "$refused" "$(grep -c '"did": "404"' refusing.log)"

# ---- nobody there, and then somebody -------------------------------------------------------------------------------------------
kill "$server_pid" && wait "$server_pid" || true
code_of tell box3 --url "http://127.0.0.1:$port" --drain-for 2s <twins.tp 2>err
equal "nobody there" 75 "$code"
like "nobody there" "$wanted messages wait in box3" "$(tail -n 1 err)"
serve_http later --port "$port" --
tell box3 --url "http://127.0.0.1:$port" <nothing.tp
taken later.log

# ---- a full outbox -------------------------------------------------------------------------------------------------------------
kill "$server_pid" && wait "$server_pid" || true
tell box4 --outbox-limit 3 --url "http://127.0.0.1:$port" <twins.tp 2>err &
alert_pid=$!
until_true 10 grep -q 'box4: full: 3 messages wait, and the input waits with them' err
equal "messages in a full outbox" 3 "$(find box4/waiting -type f | wc -l)"
serve_http full --port "$port" --
wait "$alert_pid" || fail "the outbox had room again: $(cat err)"
taken full.log

# ---- TLS and a token ---------------------------------------------------------------------------------------------------------
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=test CA' 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj '/CN=127.0.0.1' 2>/dev/null
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
  -extfile <(echo 'subjectAltName=IP:127.0.0.1') 2>/dev/null
serve_http tls --tls server.pem server.key --token secret-1 --
url=https://127.0.0.1:$port/
code_of tell box5 --url "$url" --drain-for 2s <twins.tp 2>err
equal "a certificate of nobody known" 75 "$code"
like "a certificate of nobody known" "certificate" "$(head -n 1 err)"
silent tls.log
echo secret-0 >token
code_of tell box5 --url "$url" --ca ca.pem --token-file token --drain-for 2s <nothing.tp 2>err
equal "a wrong token" 75 "$code"
like "a wrong token" "answers 401" "$(head -n 1 err)"
! grep -q secret err || fail "the token was told"
# A token is read again for every attempt.
: >tls.log
tell box5 --url "$url" --ca ca.pem --token-file token <nothing.tp 2>err &
alert_pid=$!
until_true 10 grep -q '"did": "401"' tls.log
echo secret-1 >token.new
mv token.new token
wait "$alert_pid" || fail "the right token: $(cat err)"
taken tls.log
code_of tell box6 --url http://example.org/ --token-file token <nothing.tp 2>err
equal "a token in clear text" 64 "$code"

# ---- commands ------------------------------------------------------------------------------------------------------------------
cat >command <<'END'
#!/bin/sh
# Fails every third time.
n=$(($(cat count 2>/dev/null || echo 0) + 1))
echo $n >count
message=$(cat)
[ $((n % 3)) != 1 ] || exit 3
printf '%s\n' "$message" >>delivered
END
chmod +x command
tell box7 --command './command --with an-argument' <twins.tp 2>err
sort expected >wanted.sorted
sort delivered >delivered.sorted
same_bytes "what a command got" wanted.sorted delivered.sorted
like "what was said of it" "'./command --with an-argument' ends with 3: the next attempt is in 20ms" "$(head -n 1 err)"
patience=500ms
code_of tell box8 --command 'sleep 60' --drain-for 2s <twins.tp 2>err
equal "a command that hangs" 75 "$code"
like "a command that hangs" "'sleep 60' took longer than 500ms" "$(head -n 1 err)"
# A request to stop while the input goes on: 0, and the messages stay.
mkfifo input
exec 3<>input
alert --policy policy.json --outbox box9 --command 'exit 1' <input 2>err &
alert_pid=$!
cat twins.tp >&3
waits() { [ "$(find box9/waiting -type f | wc -l)" = "$wanted" ]; }
until_true 10 waits
kill -TERM "$alert_pid"
wait "$alert_pid" || fail "told to stop: $(cat err)"
equal "messages that stay" "$wanted" "$(find box9/waiting -type f | wc -l)"
