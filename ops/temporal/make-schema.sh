#!/bin/sh
# Temporal's two databases, made or brought up to this server's version. Address, user and password: SQL_* variables.
# The schemas are the ones inside temporal-sql-tool, so they are always of its own version.
set -eu

make_schema() { # DATABASE SCHEMA
    temporal-sql-tool --database "$1" create-database
    temporal-sql-tool --database "$1" setup-schema --version 0.0
    temporal-sql-tool --database "$1" update-schema --schema-name "$2"
}

make_schema temporal postgresql/v12/temporal
make_schema temporal_visibility postgresql/v12/visibility
