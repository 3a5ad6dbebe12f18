#!/bin/sh
# Brings Temporal's databases to the schema of the admin-tools image that runs this. Safe to repeat; part of each upgrade.
# Reads SQL_HOST, SQL_USER and SQL_PASSWORD.
set -eu

schema() {
    temporal-sql-tool --plugin postgres12 --endpoint "$SQL_HOST" --port 5432 --user "$SQL_USER" --database "$@"
}

for database in temporal temporal_visibility; do
    case $database in
        temporal_visibility) versions=/etc/temporal/schema/postgresql/v12/visibility/versioned ;;
        *) versions=/etc/temporal/schema/postgresql/v12/temporal/versioned ;;
    esac
    schema "$database" setup-schema --version 0.0
    schema "$database" update-schema --schema-dir "$versions"
done
