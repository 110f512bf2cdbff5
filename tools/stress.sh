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

# build compiles the tests before the load begins, which is for them and not for the compiler.
build() {
    go test -c -o /dev/null ./internal/loading ./worker ./starter ./warehouse ./activities ./activities/delivery ./internal/e2e
    go -C devstack test -c -o /dev/null ./supervise ./postgres
}

busy=()
# shellcheck disable=SC2329 # the trap calls it
stop_load() { ((${#busy[@]} == 0)) || kill "${busy[@]}" 2>/dev/null || true; }
trap stop_load EXIT
start_load() {
    for ((i = 0; i < load; i++)); do
        while :; do :; done &
        busy+=($!)
    done
}

# engines PACKAGES -- TESTS repeats the tests whose names begin with one of TESTS against the
# engines, within what is left of the time. A name that no test has fails: it would pass untested.
engines() {
    local packages=() missing=0 name left=$((deadline - SECONDS))
    while [[ $1 != -- ]]; do
        packages+=("$1")
        shift
    done
    shift
    for name in "$@"; do
        grep -rqE --include='*_test.go' "^func $name" "${packages[@]}" ||
            { echo "no test of ${packages[*]} begins with $name"; missing=1; }
    done
    ((missing == 0)) || return 1
    ((left > 0)) || { echo "the time was used up before this began"; return 1; }
    ./bin/sluice-dev exec -- go test "${packages[@]}" -run "^($(IFS='|'; echo "$*"))" \
        -count "$count" -timeout "${left}s" -failfast
}

# processes repeats the tests of devstack that kill its processes.
processes() {
    local left=$((deadline - SECONDS))
    ((left > 0)) || { echo "the time was used up before this began"; return 1; }
    go -C devstack test ./supervise ./postgres -count "$count" -timeout "${left}s" -failfast
}

section "compiler" build
start_load
section "loading, beside cancelled attempts" engines ./internal/loading -- \
    TestResume TestTwoAtOnce TestManyAtOnce TestOvertaken TestFailingSource
section "workers that start and stop" engines ./worker -- Test
section "clients that give up" engines ./starter ./warehouse -- \
    TestDecision TestWait TestStart TestListen TestHanging TestUnreachable
section "drains that are interrupted" engines ./activities/delivery -- TestDrain
section "heartbeats that are interrupted" engines ./activities -- TestHeartbeater
section "imports that are interrupted" engines ./internal/e2e -- \
    TestWorker TestTwoWorkers TestCancel TestDecision TestReset TestParked
section "processes that are killed" processes
finish "stress"
