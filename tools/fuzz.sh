#!/bin/bash
# Runs each fuzz target for FUZZTIME, one after the other: the go command fuzzes
# one target of one package at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/section.sh
. tools/section.sh

# -parallel follows the cores by itself; the minimiser is bounded so that a
# finding does not cost a minute.
fuzz_target() {
    go -C "$1" test -run '^$' -fuzz "^$2\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 10s . </dev/null
}

found=0
while IFS=: read -r file declaration; do
    [[ $declaration =~ ^func\ (Fuzz[A-Za-z0-9_]*)\( ]] || continue
    found=$((found + 1))
    section "fuzz ${BASH_REMATCH[1]} in ${file%/*}" fuzz_target "${file%/*}" "${BASH_REMATCH[1]}"
done < <(grep -rE --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]*\(' . | LC_ALL=C sort)

if ((found == 0)); then
    echo "fuzz: no fuzz target found" >&2
    exit 1
fi
finish "fuzz"
