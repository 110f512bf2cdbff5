#!/bin/bash
# Tests the checks of `make lint` themselves: each must fail on a planted violation in
# tools/testdata.
#
#   words       each entry of tools/words.txt has a line in words/planted.md
#   depguard    each dependency rule of .golangci.yml has a folder depguard/RULE, whose
#               Go file breaks that rule; folders below it have the names that the rule matches
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
planted=$root/tools/testdata
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { printf 'lint_test: %s\n' "$1"; failed=1; }

# reported FILE LINE: tools/words.sh has reported that line.
reported() { grep -q -F "$1:$2: " "$scratch/words"; }

test_words() {
    local entry line=0 status=0
    tools/words.sh "$planted"/words/* >"$scratch/words" || status=$?
    ((status == 1)) || fail "tools/words.sh on planted violations: exit status $status, want 1"
    while IFS=$'\t' read -r entry _; do
        line=$((line + 1))
        reported planted.md "$line" || fail "words.txt: no violation of \"$entry\" in line $line of planted.md"
    done < <(grep -v -e '^#' -e '^[[:space:]]*$' tools/words.txt)
    ((line == $(wc -l <"$planted/words/planted.md"))) || fail "planted.md and words.txt: want one line for each entry"
    ((line > 0)) || fail "words.txt has no entries"
    # Identifiers are checked word by word, in every kind of file.
    for line in 4 5 7; do reported planted.go "$line" || fail "planted.go:$line is not reported"; done
    reported planted.tmpl 1 || fail "planted.tmpl:1 is not reported"
    # The parts of longer words are no violations.
    ! reported planted.go 9 || fail "planted.go:9 is reported"
    tools/words.sh "$planted/clean.md" || fail "clean.md is reported"
}

# depguard_rules prints the names of the rules.
depguard_rules() {
    awk '/^    depguard:/ { inside = 1; next }
        /^    [a-z]/ { inside = 0 }
        inside && /^        [a-z-]+:/ { sub(/:.*/, ""); print $1 }' .golangci.yml
}

# depguard reads imports only: the planted packages need no module cache.
test_depguard() {
    local rule rules
    rules=$(depguard_rules)
    [[ -n $rules ]] || fail ".golangci.yml: no dependency rules found"
    cp -R "$planted/depguard" "$scratch/rules"
    printf 'module example.com/planted\n' >"$scratch/rules/go.mod"
    # Paths of findings are relative to the configuration.
    cp .golangci.yml "$scratch/rules"
    (cd "$scratch/rules" && "$root/bin/tools/golangci-lint" run --enable-only depguard ./...) >"$scratch/depguard" 2>&1 || true
    for rule in $rules; do
        grep -q "^$rule/.* from list '$rule'" "$scratch/depguard" ||
            fail "depguard: no violation of the rule $rule reported in tools/testdata/depguard/$rule"
    done
    for rule in "$planted"/depguard/*; do
        grep -q -x "${rule##*/}" <<<"$rules" || fail "depguard: .golangci.yml has no rule ${rule##*/}"
    done
    ((failed == 0)) || cat "$scratch/depguard"
}

test_words
test_depguard
exit "$failed"
