#!/bin/sh
# Prints the folder of every module with code of Sluice, the root first. The modules below
# tools/ only pin the versions of tools.
set -eu
cd "$(dirname "$0")/.."

find . -name node_modules -prune -o -path ./tools -prune -o -name go.mod -print |
    sed -e 's#/go\.mod$##' | LC_ALL=C sort
