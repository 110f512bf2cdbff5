#!/bin/sh
# Creates the roles and the databases, in a new PostgreSQL volume only: the
# image runs what is in /docker-entrypoint-initdb.d when the volume is empty.
#
# Temporal and Sluice get a role each that owns its own databases and nothing
# else; the superuser is for people.
set -eu

secrets=${SECRETS_DIR:-/run/secrets}
for name in temporal_password store_password; do
    if [ ! -s "$secrets/$name" ]; then
        echo "postgres-init.sh: secret $name is missing or empty; run deploy/compose/secrets.sh" >&2
        exit 66
    fi
done

# psql reads the passwords itself (backquotes), so that they are in no process
# list; :'name' quotes them as SQL strings.
export SECRETS="$secrets"
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set temporal_password `cat "$SECRETS/temporal_password"`
\set store_password `cat "$SECRETS/store_password"`

CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE ROLE sluice LOGIN PASSWORD :'store_password';

CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE sluice OWNER sluice;

REVOKE CONNECT ON DATABASE temporal, temporal_visibility, sluice FROM PUBLIC;
SQL
