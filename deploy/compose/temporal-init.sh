#!/bin/sh
# Waits for the Temporal server, then creates Sluice's namespace and search attributes.
# The script is idempotent: it does not change existing ones. An attribute of the wrong
# type is an error.
#
#   TEMPORAL_ADDRESS        the server's frontend, required (the CLI reads it too)
#   TEMPORAL_NAMESPACE      defaults to "default"
#   TEMPORAL_RETENTION      of finished workflows, for a new namespace; defaults to 720h (30 days)
#   TEMPORAL_INIT_ATTEMPTS  per step, defaults to 60
#   TEMPORAL_INIT_PAUSE     seconds between two attempts, defaults to 2
set -eu

: "${TEMPORAL_ADDRESS:?the address of the Temporal server, such as temporal:7233}"
namespace=${TEMPORAL_NAMESPACE:-default}
retention=${TEMPORAL_RETENTION:-720h}
attempts=${TEMPORAL_INIT_ATTEMPTS:-60}
pause=${TEMPORAL_INIT_PAUSE:-2}

# The search attributes of the workflows; see workflows/names.go.
search_attributes='
SluiceSite=Keyword
SluiceSource=Keyword
SluiceStatus=Keyword
SluicePhase=Keyword
SluiceErrorClass=Keyword
SluicePaused=Bool
SluiceRows=Int
'

# Exit status of a step with a permanent error (EX_CONFIG).
permanent=78

# retry WHAT COMMAND: runs COMMAND until it succeeds. A new namespace takes some seconds
# to propagate, so each step is retried.
retry() {
    what=$1
    attempt=1
    while :; do
        status=0
        "$2" || status=$?
        [ "$status" -ne 0 ] || return 0
        [ "$status" -ne "$permanent" ] || exit "$permanent"
        if [ "$attempt" -ge "$attempts" ]; then
            echo "temporal-init.sh: $what: gave up after $attempts attempts" >&2
            exit 1
        fi
        echo "$what: not yet (attempt $attempt of $attempts)"
        attempt=$((attempt + 1))
        sleep "$pause"
    done
}

server_healthy() {
    temporal operator cluster health
}

# Describe first, to distinguish "exists" from other failures of create.
namespace_exists() {
    temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1 ||
        temporal operator namespace create --namespace "$namespace" --retention "$retention" \
            --description "Sluice imports"
}

attributes_exist() {
    listed=$(temporal operator search-attribute list --namespace "$namespace") || return 1
    for pair in $search_attributes; do
        name=${pair%%=*}
        type=${pair#*=}
        found=$(printf '%s\n' "$listed" | awk -v name="$name" '$1 == name { print $2 }')
        if [ -z "$found" ]; then
            temporal operator search-attribute create --namespace "$namespace" --name "$name" --type "$type" || return 1
        elif [ "$found" != "$type" ]; then
            echo "temporal-init.sh: search attribute $name is of type $found in namespace $namespace, wanted $type" >&2
            return "$permanent"
        fi
    done
}

retry "server" server_healthy
retry "namespace $namespace" namespace_exists
retry "search attributes" attributes_exist
echo "temporal-init.sh: namespace $namespace is ready"
