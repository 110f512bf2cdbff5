#!/bin/bash
# Sourced: headings, timings and a summary for scripts that continue after a failure, so
# that one run shows all errors.

failed=()
# left_out holds what was not run, and why.
left_out=()

# section TITLE COMMAND [ARGUMENT ...] runs a step and records its result.
section() {
    local title=$1 began=$SECONDS status=0
    shift
    if [[ -t 1 ]]; then
        printf '\n\033[1m== %s\033[0m\n' "$title"
    else
        printf '\n== %s\n' "$title"
    fi
    # `|| status=$?` would switch errexit off inside a function that is called
    # here; a subshell with its own errexit keeps it on.
    set +e
    (set -e; "$@")
    status=$?
    set -e
    if ((status == 0)); then
        printf -- '-- ok: %s (%d s)\n' "$title" $((SECONDS - began))
    else
        printf -- '-- FAILED: %s (%d s, exit status %d)\n' "$title" $((SECONDS - began)) "$status"
        failed+=("$title")
    fi
}

# finish NAME prints the summary and exits: 1 when a section failed. What was left out comes last.
finish() {
    local status=0
    printf '\n'
    if ((${#failed[@]} == 0)); then
        printf '%s: everything passed (%d s)\n' "$1" "$SECONDS"
    else
        printf '%s: %d failed (%d s)\n' "$1" "${#failed[@]}" "$SECONDS"
        printf '  %s\n' "${failed[@]}"
        status=1
    fi
    if ((${#left_out[@]} > 0)); then
        printf '%s: NOT RUN:\n' "$1"
        printf '  %s\n' "${left_out[@]}"
    fi
    exit "$status"
}
