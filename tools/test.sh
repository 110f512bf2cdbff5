#!/bin/bash
# Runs every test of every module, and continues after a failure. Use `make test`, which
# builds and installs the prerequisites. The output ends with the slowest
# packages and, for each package that failed, the command that runs it alone.
#
# The module browser is left out where there is no browser, which the last lines say.
#
#   TESTFLAGS   flags of `go test`
#   PKG         packages, in each module that has them; defaults to ./...
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/section.sh
. tools/section.sh

read -r -a flags <<<"${TESTFLAGS:-}"
pkg=${PKG:-./...}

# go_test MODULE sets command to the start of the command line that tests the
# module. The tests of the root and of bench meet real engines, which sluice-dev
# starts, names in the environment, and stops; those of browser the server and a
# worker too; devstack starts engines itself. The pages have their scripts inside.
go_test() {
    command=(go test -tags assets)
    [[ $1 == . ]] || command=(go -C "$1" test -tags assets)
    case $1 in
        . | ./bench) command=(./bin/sluice-dev exec -- "${command[@]}") ;;
        ./browser) command=(./bin/sluice-dev exec --server -- "${command[@]}") ;;
    esac
}

output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT

test_module() {
    local command
    go_test "$1"
    "${command[@]}" ${flags[@]+"${flags[@]}"} "$pkg" | tee "$output/of${1//\//:}"
}

modules=()
for module in $(tools/modules.sh); do
    [[ -d $module/${pkg%/...} ]] || continue
    if [[ $module == ./browser ]] && ! browser=$(tools/browser.sh find 2>&1); then
        left_out+=("$module: $browser")
        continue
    fi
    modules+=("$module")
done
if ((${#modules[@]} == 0 && ${#left_out[@]} > 0)); then
    failed+=("no other module has the package $pkg")
    finish "test"
fi
((${#modules[@]} > 0)) || { echo "test: no module has the package $pkg" >&2; exit 1; }
for module in "${modules[@]}"; do
    section "test $module" test_module "$module"
done

# go test prints "ok<tab>package<tab>1.234s" for a package that passed, and
# "FAIL<tab>package<tab>1.234s" or "FAIL<tab>package [build failed]" for another.
# sed reads to the end: sort must not find its output closed, which would be an error here.
printf '\nslowest packages\n'
cat "$output"/* | awk -F'\t' '$1 ~ /^(ok|FAIL)/ && $3 ~ /^[0-9.]+s/ { printf "%8.1f s  %s\n", $3, $2 }' |
    sort -rn | sed -n 1,10p

# failed_packages prints the command that runs each failed package alone.
failed_packages() {
    local module path package folder command
    for module in "${modules[@]}"; do
        path=$(go -C "$module" list -m)
        while IFS= read -r package; do
            folder=${package#"$path"}
            [[ $folder == ./* ]] || folder=.$folder
            go_test "$module"
            printf '  %s %s\n' "${command[*]}" "$folder"
        done < <(awk -F'\t' '$1 == "FAIL" && $2 != "" { sub(/ \[.*/, "", $2); print $2 }' "$output/of${module//\//:}")
    done
}
failures=$(failed_packages)
if [[ -n $failures ]]; then
    printf '\nto run a failed package alone (-run NAME for one test, -count 10 for repetitions)\n%s\n' "$failures"
fi
finish "test"
