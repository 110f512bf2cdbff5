#!/bin/bash
# Every check that does not run the code. Use `make lint`, which builds the tools.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
bin=$root/bin/tools
# shellcheck source=tools/section.sh
. tools/section.sh

# Generated code is formatted by its generator.
check_format() {
    local files unformatted
    files=$(find . -name node_modules -prune -o -path ./bin -prune -o -name '*.go' -print0 |
        xargs -0 grep -L -E '^// Code generated .* DO NOT EDIT\.$' || true)
    # shellcheck disable=SC2086 # one file a word: no name of ours has a space
    unformatted=$("$bin/gofumpt" -l $files)
    if [[ -n $unformatted ]]; then
        printf '%s\n' "not formatted, run \`make fmt\`:" "$unformatted"
        return 1
    fi
}

check_style() {
    cd "$1"
    "$bin/golangci-lint" run --config "$root/.golangci.yml" ./...
}

# Finds what a workflow must not do, however deep in a call: clocks, random
# numbers, goroutines, ranging over a map.
check_workflows() {
    "$bin/workflowcheck" -config .workflowcheck.yml ./workflows/...
}

check_generated() {
    "$bin/sqlc" diff --file store/sqlc.yaml
}

check_scripts() {
    local script
    for script in tools/*.sh deploy/compose/*.sh .ci/run; do
        case $(head -n 1 "$script") in
            *bash) bash -n "$script" ;;
            *) sh -n "$script" ;;
        esac
    done
    # 2317 (unreachable): it does not see that `section` calls what it is given.
    if command -v shellcheck >/dev/null 2>&1; then
        shellcheck -x --exclude SC2317 tools/*.sh deploy/compose/*.sh .ci/run
    else
        echo "shellcheck is not installed: syntax checked only"
    fi
}

# Dependabot updates no module that its configuration does not list.
check_dependabot() {
    local manifest folder missing=0
    while IFS= read -r manifest; do
        folder=${manifest%/*}
        folder=${folder#.}
        folder=${folder:-/}
        grep -q -x "      - $folder" .github/dependabot.yml ||
            { echo ".github/dependabot.yml: the folder $folder is missing"; missing=1; }
    done < <(find . \( -name node_modules -o -name testdata -o -path ./bin -o -path ./.git \) -prune -o \
        \( -name go.mod -o -name package.json \) -print)
    return "$missing"
}

# Exit status 3 means findings. Anything else but 0 here is a fault of the check
# itself, the database having been reached a moment ago.
check_vulnerabilities() {
    "$bin/govulncheck" -C "$1" ./...
}

section "format" check_format
section "scripts" check_scripts
section "words" tools/words.sh
section "dependabot covers every module" check_dependabot
section "checks fail on planted violations" tools/lint_test.sh

modules=$(tools/modules.sh)
for module in $modules; do
    section "style of $module" check_style "$module"
done
section "workflows are deterministic" check_workflows
section "generated code is in sync" check_generated

# A query about one module costs nothing and tells whether the database answers.
if probe=$(timeout 60 "$bin/govulncheck" -mode query -json stdlib@v1.26.0 2>&1); then
    for module in $modules; do
        section "vulnerabilities of $module" check_vulnerabilities "$module"
    done
else
    printf '\n== vulnerabilities\n'
    printf -- '-- NOT CHECKED: the vulnerability database was not reached: %s\n' "$(tail -n 1 <<<"$probe")"
fi
finish "lint"
