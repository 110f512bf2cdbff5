#!/bin/bash
# Shows list sync on fakes of both APIs: a full load, changes, an update. `make demo-sync` runs it below
# `sluice-dev exec --worker`, which provides the engines and a worker.
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
field() { "$sluice" sync show news --output json | sed -n "s/^    \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | head -1; }

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
  local status=running
  while [[ $(field id) -lt $1 || $status == running ]]; do
    status=$(field status)
    printf '\r%-70s' "run $(field id): $(field read) read, $(field delivered) delivered, $(field rejected) rejected"
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

title "An update with the members that have changed meanwhile"
"$sluice" sync run news
follow 2
"$sluice" sync show news

title "What Ometria has"
curl -sS "$(url "$work/ometria")/control/records"
echo
