#!/bin/sh
# Creates the secrets for docker-compose.yml.
#
#   deploy/compose/secrets.sh [folder]        default: the folder "secrets" beside this script
#
# Existing files are never overwritten: running it again is safe, and you can create
# your own secret files beforehand. To rotate one, see secrets/README.md.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-$here/secrets}
mkdir -p "$dir"

# The mode of the folder excludes other users of this machine. The files are readable by
# every user *inside the containers that mount them*: compose mounts a file with the
# owner and mode of the host, and the containers' own users could not read your file of
# mode 0600.
chmod 0700 "$dir"

# store_secret NAME: writes standard input to NAME unless the file exists. The link fails
# if the file exists, so that concurrent runs do not overwrite each other.
store_secret() {
    tmp=$(mktemp "$dir/.new.XXXXXX")
    cat >"$tmp"
    chmod 0444 "$tmp"
    if ln "$tmp" "$dir/$1" 2>/dev/null; then
        echo "created $1"
    elif [ -s "$dir/$1" ]; then
        echo "kept    $1"
    else
        rm -f "$tmp"
        echo "secrets.sh: $dir/$1 cannot be written, or is empty" >&2
        exit 1
    fi
    rm -f "$tmp"
}

# random prints 32 random bytes as hexadecimal digits, which need no escaping in
# a URL, in SQL or in XML.
random() {
    od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'
}

# An address with an outdated password would only be noticed much later, when a query is
# refused.
check_pair() {
    if [ -e "$dir/$2" ] && [ ! -e "$dir/$1" ]; then
        echo "secrets.sh: $2 exists but $1, whose password it holds, does not; remove $2 or bring $1 back" >&2
        exit 1
    fi
}
check_pair store_password store_dsn
check_pair warehouse_password warehouse_dsn

# NATS reads the token as a value of its configuration, in which digits are a number and other characters
# have a meaning.
check_token() {
    [ -e "$dir/eventlog_token" ] || return 0
    case $(cat "$dir/eventlog_token") in
        *[!A-Za-z0-9_-]* | [!A-Za-z]*)
            echo "secrets.sh: eventlog_token: want a letter, followed by letters, digits, - and _" >&2
            exit 1
            ;;
    esac
}
check_token

for name in postgres_password temporal_password store_password warehouse_password; do
    random | store_secret "$name"
done

{ printf log-; random; } | store_secret eventlog_token

store_password=$(cat "$dir/store_password")
warehouse_password=$(cat "$dir/warehouse_password")
printf 'postgres://sluice:%s@postgres:5432/sluice?sslmode=disable' "$store_password" | store_secret store_dsn
printf 'http://sluice:%s@clickhouse:8123/sluice' "$warehouse_password" | store_secret warehouse_dsn

# The key set that encrypts the secrets of connections, as `sluice keyset create` writes it: a Tink
# key set with one key for AES-256-GCM (field 3, 32 bytes, of its protocol buffer).
new_keyset() {
    id=$(od -An -v -tu4 -N4 /dev/urandom | tr -d ' \n')
    key=$({ printf '\032\040'; dd if=/dev/urandom bs=32 count=1 2>/dev/null; } | base64 | tr -d '\n')
    printf '{"primaryKeyId":%s,"key":[{"keyData":{"typeUrl":"%s","value":"%s","keyMaterialType":"SYMMETRIC"},' \
        "$id" type.googleapis.com/google.crypto.tink.AesGcmKey "$key"
    printf '"status":"ENABLED","keyId":%s,"outputPrefixType":"TINK"}]}\n' "$id"
}
new_keyset | store_secret keyset
