#!/bin/bash
# Repeats the tests that depend on timing: those that cancel work, kill processes, wait
# for engines or run concurrently. Busy processes load every processor, so that
# accidental orders change. Use `make test-stress`.
#
#   STRESS_COUNT    repetitions of each test; defaults to 10
#   STRESS_LOAD     busy processes; defaults to two for each processor
#   STRESS_MINUTES  limit of the whole run; defaults to 40
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/section.sh
. tools/section.sh

count=${STRESS_COUNT:-10}
load=${STRESS_LOAD:-$((2 * $(getconf _NPROCESSORS_ONLN)))}
deadline=$((SECONDS + 60 * ${STRESS_MINUTES:-40}))

busy=()
# shellcheck disable=SC2329 # the trap calls it
stop_load() { ((${#busy[@]} == 0)) || kill "${busy[@]}" 2>/dev/null || true; }
trap stop_load EXIT
for ((i = 0; i < load; i++)); do
    while :; do :; done &
    busy+=($!)
done

# stress COMMAND ... runs go test within what is left of the time.
stress() {
    local left=$((deadline - SECONDS))
    ((left > 0)) || { echo "the time was used up before this began"; return 1; }
    "$@" -count "$count" -timeout "${left}s" -failfast
}

engines=(./bin/sluice-dev exec -- go test)
section "loading, beside cancelled attempts" stress "${engines[@]}" ./internal/loading \
    -run 'TestResume|TestTwoAtOnce|TestManyAtOnce|TestOvertaken|TestFailingSource'
section "workers that start and stop" stress "${engines[@]}" ./worker
section "clients that give up" stress "${engines[@]}" ./starter ./notify/... ./warehouse \
    -run 'TestDecision|TestWait|TestWakers|TestIntake|TestStart|TestListen|TestSlow|TestHanging|TestUnreachable'
section "batches and heartbeats that are interrupted" stress "${engines[@]}" ./activities -run 'TestPulse|TestStretch'
section "imports that are interrupted" stress "${engines[@]}" ./internal/e2e \
    -run 'TestWorker|TestTwoWorkers|TestCancel|TestDecision|TestReset|TestParked'
section "processes that are killed" stress go -C devstack test ./supervise ./postgres
finish "stress"
