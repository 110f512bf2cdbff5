#!/bin/sh
# Finds or installs the browser of the tests in browser/.
#
#   tools/browser.sh find       prints its program: the one that CHROMIUM names, otherwise the first on
#                               PATH of browser/browsertest/names.txt
#   tools/browser.sh install    installs Debian's Chromium if there is no browser
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "browser: $1" >&2
    exit 1
}

alternative="put Chromium or Chrome on PATH, or set CHROMIUM to its program"

find_browser() {
    if [ -n "${CHROMIUM:-}" ]; then
        command -v "$CHROMIUM" || fail "CHROMIUM names $CHROMIUM, which is no program"
        return
    fi
    while IFS= read -r name; do
        if command -v "$name"; then
            return
        fi
    done <browser/browsertest/names.txt
    fail "no browser found: run \`make browser\` as root on Debian, $alternative"
}

install_browser() {
    # shellcheck source=/dev/null
    system=$(ID='' && . "${OS_RELEASE:-/etc/os-release}" && echo "$ID") || system=
    [ "$system" = debian ] || fail "this system is not Debian, whose Chromium would be installed: $alternative"
    [ "$(id -u)" -eq 0 ] || fail "Debian's Chromium is not installed, and it takes root to install it: $alternative"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -q || fail "apt-get update has failed: see above"
    apt-get install -q -y --no-install-recommends chromium-headless-shell fonts-liberation ||
        fail "the installation of Chromium has failed: see above"
}

case ${1:-} in
    find) find_browser ;;
    install)
        # A wrong CHROMIUM is an error, and no reason to install another browser.
        if [ -z "${CHROMIUM:-}" ] && ! (find_browser) >/dev/null 2>&1; then
            install_browser
        fi
        browser=$(find_browser)
        echo "browser: $browser"
        ;;
    *)
        echo "usage: tools/browser.sh find|install" >&2
        exit 64
        ;;
esac
