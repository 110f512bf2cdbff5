#!/bin/sh
# Reports which of the programs for building and testing is missing or too old, and how
# to install it. Prints nothing and succeeds otherwise.
set -eu
cd "$(dirname "$0")/.."

faults=0

# fault PROGRAM WHY DEBIAN MACOS
fault() {
    faults=$((faults + 1))
    echo "doctor: $1: $2" >&2
    echo "        Debian, Ubuntu: $3" >&2
    echo "        macOS:          $4" >&2
}

# at_least HAVE WANT compares dotted versions, such as 4.3 and 3.81.
at_least() {
    printf '%s\n%s\n' "$2" "$1" | awk -F. '
        NR == 1 { for (i = 1; i <= 3; i++) want[i] = $i + 0 }
        NR == 2 { for (i = 1; i <= 3; i++) {
            if ($i + 0 > want[i]) exit 0
            if ($i + 0 < want[i]) exit 1
        } }'
}

# The highest version that a module requires.
wanted_go=$(tools/modules.sh | while IFS= read -r module; do
    awk '$1 == "go" { print $2 }' "$module/go.mod"
done | sort -t. -k1,1n -k2,2n -k3,3n | tail -n 1)

if ! command -v go >/dev/null 2>&1; then
    fault go "not found, version $wanted_go or newer is needed" \
        "https://go.dev/doc/install (the packaged one is too old)" "brew install go"
else
    # Outside a module, go env reports the installed version. From 1.21 on, the go command
    # can download a newer one (GOTOOLCHAIN).
    have_go=$(cd / && go env GOVERSION | sed -e 's/^go//' -e 's/[ -].*//' -e 's/[a-z].*//')
    if ! at_least "$have_go" "$wanted_go"; then
        if [ "$(cd / && go env GOTOOLCHAIN)" = local ] || ! at_least "$have_go" 1.21; then
            fault go "version $have_go is too old, $wanted_go or newer is needed" \
                "https://go.dev/doc/install" "brew upgrade go"
        fi
    fi
fi

compiler=${CC:-}
if [ -z "$compiler" ]; then
    compiler=$(cd / && go env CC 2>/dev/null || echo gcc)
fi
# Only the first word: CC may contain flags.
if ! command -v "${compiler%% *}" >/dev/null 2>&1; then
    fault "C compiler (${compiler%% *})" "not found" "apt-get install gcc libc6-dev" "xcode-select --install"
fi

if ! command -v "${MAKE:-make}" >/dev/null 2>&1; then
    fault make "not found" "apt-get install make" "xcode-select --install"
else
    have_make=$("${MAKE:-make}" --version 2>/dev/null | sed -n '1s/^GNU Make \([0-9.]*\).*/\1/p')
    if [ -z "$have_make" ] || ! at_least "$have_make" 3.81; then
        fault make "GNU make 3.81 or newer is needed" "apt-get install make" "xcode-select --install"
    fi
fi

# npm 7 is the first version that supports the format of our lock file.
if ! command -v npm >/dev/null 2>&1; then
    fault npm "not found, version 7 or newer is needed to install the engines" "apt-get install npm" "brew install node"
else
    have_npm=$(npm --version)
    at_least "$have_npm" 7 || fault npm "version $have_npm is too old, 7 or newer is needed" \
        "https://nodejs.org/en/download" "brew upgrade node"
fi

[ "$faults" -eq 0 ]
