# Reports with curl alone: sh curl.sh OUTCOME GATE KIND
set -eu
say() { curl -fsS -X POST "$BARCAST_URL/api/jobs$1" -d "$2"; }

job=$(say "" "{\"kind\": \"$3\", \"external\": true, \"total\": 5}" | sed 's/.*"id": *"\([^"]*\)".*/\1/')
say "/$job/report" '{"done": 3}'
# Nobody else says that it lives; as long as it does, through every absence of the hub.
while kill -0 $$; do sleep 1; say "/$job/report" '{"done": 3}' || :; done >/dev/null 2>&1 &
read -r _ <"$2"
kill $!
case $1,$(say "/$job/report" '{"done": 4}') in
fail,*) say "/$job/finish" '{"outcome": "failed", "error": {"type": "ValueError", "message": "no such shop"}}' ;;
*'"cancel":null'*) say "/$job/finish" '{"outcome": "succeeded"}' ;;
*)
    say "/$job/cancel_ack" '{"message": "closing the file"}'
    say "/$job/finish" '{"outcome": "cancelled"}'
    ;;
esac
