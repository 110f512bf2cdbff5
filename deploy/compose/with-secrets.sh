#!/bin/sh
# Runs a command with environment variables that are read from secret files.
#
#   with-secrets.sh NAME=/run/secrets/file [NAME=/run/secrets/file ...] -- command [argument ...]
#
# Some images take a password by environment variable only. Reading it here, in
# the container and just before exec, keeps the value out of the compose file,
# out of `docker inspect` and out of the process list.
set -eu

usage() {
    echo "usage: with-secrets.sh NAME=FILE [NAME=FILE ...] -- command [argument ...]" >&2
    exit 64
}

while [ $# -gt 0 ] && [ "$1" != "--" ]; do
    case $1 in
        ?*=?*) ;;
        *) usage ;;
    esac
    name=${1%%=*}
    file=${1#*=}
    case $name in
        [0-9]* | *[!A-Za-z0-9_]*) usage ;;
    esac
    if [ ! -r "$file" ]; then
        echo "with-secrets.sh: secret file $file of $name is missing or unreadable; run deploy/compose/secrets.sh" >&2
        exit 66
    fi
    value=$(cat "$file")
    # An empty password would silently mean "no password" to some servers.
    if [ -z "$value" ]; then
        echo "with-secrets.sh: secret file $file of $name is empty" >&2
        exit 66
    fi
    export "$name=$value"
    shift
done

[ $# -ge 2 ] || usage
shift
unset name file value
exec "$@"
