#!/bin/sh
# Migrates Temporal's two databases to the schema of this image's release. It runs before
# every start of the server, which refuses an older schema. Both steps are idempotent.
#
# The password comes in SQL_PASSWORD, which with-secrets.sh sets.
set -eu

: "${SQL_HOST:?the address of PostgreSQL}"
: "${SQL_USER:?the owner of the two databases}"
: "${SQL_PASSWORD:?the password of SQL_USER}"
schema=${TEMPORAL_SCHEMA_DIR:-/etc/temporal/schema/postgresql/v12}

# migrate DATABASE FOLDER
migrate() {
    temporal-sql-tool --plugin postgres12 --endpoint "$SQL_HOST" --port "${SQL_PORT:-5432}" \
        --user "$SQL_USER" --database "$1" setup-schema --version 0.0
    temporal-sql-tool --plugin postgres12 --endpoint "$SQL_HOST" --port "${SQL_PORT:-5432}" \
        --user "$SQL_USER" --database "$1" update-schema --schema-dir "$schema/$2/versioned"
}

migrate temporal temporal
migrate temporal_visibility visibility
