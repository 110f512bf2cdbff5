#!/bin/bash
# Shows list sync on fakes of both APIs: a full load, changes, an update, and the same with a state file.
# `make demo-sync` runs it below `sluice-dev exec --worker`, which provides the engines and a worker.
set -euo pipefail

sluice=${SLUICE_BIN:?set SLUICE_BIN to the program sluice}
dev=${SLUICE_DEV_BIN:?run this by sluice-dev exec}
members=${MEMBERS:-46134}
work=$(mktemp -d)
fakes=()
stop() {
  for fake in "${fakes[@]}"; do kill "$fake" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap stop EXIT

title() { printf '\n== %s\n' "$*"; }
# field prints a field of the run of a sync, whose JSON is $2.
field() { sed -n "s/^    \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" <<<"$2" | head -1; }

# ready waits for the URL in a fake's instructions.
ready() {
  for _ in $(seq 300); do
    if grep -q 'Ctrl-C stops it' "$1"; then return; fi
    sleep 0.1
  done
  echo "demo-sync: a fake does not start:" >&2
  cat "$1" >&2
  exit 1
}
url() { sed -n 's/.* at \(http:[^ ]*\)\. Ctrl-C.*/\1/p' "$1"; }

# follow shows the progress of run number $1 until it has ended.
follow() {
  local status=running id=0 now
  while ((id < $1)) || [[ $status == running ]]; do
    # All figures are of the same moment.
    now=$("$sluice" sync show news --output json)
    status=$(field status "$now")
    id=$(field id "$now")
    printf '\r%-70s' "run $id: $(field read "$now") read, $(field delivered "$now") delivered, $(field rejected "$now") rejected"
    sleep 1
  done
  printf '\n'
  "$sluice" sync history news --limit 3
  [[ $status == succeeded ]]
}

"$dev" fake mailchimp --listen 127.0.0.1:0 --members "$members" --changes "${CHANGES:-600}" >"$work/mailchimp" 2>&1 &
fakes+=($!)
"$dev" fake ometria --listen 127.0.0.1:0 >"$work/ometria" 2>&1 &
fakes+=($!)
ready "$work/mailchimp"
ready "$work/ometria"
export MAILCHIMP_APIKEY OMETRIA_APIKEY
MAILCHIMP_APIKEY=$(sed -n 's/.*MAILCHIMP_APIKEY=//p' "$work/mailchimp" | head -1)
OMETRIA_APIKEY=$(sed -n 's/.*OMETRIA_APIKEY=//p' "$work/ometria" | head -1)

title "Connections to fakes of Mailchimp ($members members, which change meanwhile) and Ometria (8 requests a second)"
"$sluice" connection add mc --kind mailchimp --set endpoint="$(url "$work/mailchimp")/3.0" --secret api_key=env:MAILCHIMP_APIKEY
"$sluice" connection add om --kind ometria --set endpoint="$(url "$work/ometria")/v2" --secret api_key=env:OMETRIA_APIKEY
"$sluice" connection test mc
"$sluice" connection test om

title "A full load"
"$sluice" sync create news --from mailchimp:mc --list 1a2d7ebf82 --to ometria:om --every 2h
follow 1
"$sluice" sync show news

title "The members stop changing. A run includes what changed up to 10 seconds before it"
ended=$(curl -sS -X DELETE "$(url "$work/mailchimp")/control/changes")
echo "$(sed -n 's/.*"changes":\([0-9]*\).*/\1/p' <<<"$ended") changes were made meanwhile"
settled=$(sed -n 's/.*"settled_unix":\([0-9]*\).*/\1/p' <<<"$ended")
while [[ $(date +%s) -lt $settled ]]; do sleep 0.2; done

title "An update with the members that have changed meanwhile"
"$sluice" sync run news
follow 2
"$sluice" sync show news

title "Both systems compared, field by field"
"$dev" fake compare --mailchimp "$(url "$work/mailchimp")" --ometria "$(url "$work/ometria")"

# watch runs the lists of the state file that are due.
watch() {
  "$sluice" sync watch --state-file "$state" --once --mailchimp endpoint="$(url "$work/mailchimp2")/3.0" \
    --ometria endpoint="$(url "$work/ometria2")/v2" --ometria requests_per_second:=1000
}

title "A state file: a full load of a list that does not change, to an Ometria without a limit of requests"
"$dev" fake mailchimp --listen 127.0.0.1:0 --members "$members" >"$work/mailchimp2" 2>&1 &
fakes+=($!)
"$dev" fake ometria --listen 127.0.0.1:0 --rate -1 >"$work/ometria2" 2>&1 &
fakes+=($!)
ready "$work/mailchimp2"
ready "$work/ometria2"
mkdir "$work/state"
state=$work/state/state.json
printf '[\n  {\n    "list_id": "1a2d7ebf82"\n  }\n]\n' >"$state"
cat "$state"
watch
cat "$state"

title "An update, since the timestamp is more than two hours old"
seconds=$(($(date +%s) - 3 * 3600))
# GNU and BSD know different flags.
old=$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%S 2>/dev/null || date -u -r "$seconds" +%Y-%m-%dT%H:%M:%S)
sed "s/\"latest_timestamp\": \"[^\"]*\"/\"latest_timestamp\": \"$old\"/" "$state" >"$state.next"
mv "$state.next" "$state"
cat "$state"
watch
cat "$state"
