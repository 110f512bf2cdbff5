#!/bin/bash
# Runs every test of every module, and goes on after a failure. Use `make test`,
# which builds and installs what the tests need.
#
#   TESTFLAGS   flags of `go test`
#   PKG         packages, within each module; defaults to ./...
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/section.sh
. tools/section.sh

read -r -a flags <<<"${TESTFLAGS:-}"
pkg=${PKG:-./...}

# The tests of these modules meet real engines, which sluice-dev starts, tells
# them about by environment, and stops. devstack starts engines itself.
with_engines=(. ./bench)

test_module() {
    local module=$1 run=()
    for m in "${with_engines[@]}"; do
        [[ $m == "$module" ]] && run=(./bin/sluice-dev exec --)
    done
    ${run[@]+"${run[@]}"} go -C "$module" test ${flags[@]+"${flags[@]}"} "$pkg"
}

modules=$(tools/modules.sh)
for module in $modules; do
    section "test $module" test_module "$module"
done
finish "test"
