#!/bin/bash
# Sourced: headings, timings and a summary for scripts that continue after a failure, so
# that one run shows all errors.

failed=()

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

# finish NAME prints the summary and exits: 1 when a section failed.
finish() {
    printf '\n'
    if ((${#failed[@]} == 0)); then
        printf '%s: everything passed (%d s)\n' "$1" "$SECONDS"
        exit 0
    fi
    printf '%s: %d failed (%d s)\n' "$1" "${#failed[@]}" "$SECONDS"
    printf '  %s\n' "${failed[@]}"
    exit 1
}
