#!/bin/sh
# Runs once, when the database is new: two roles that are no superusers, and our database. Temporal makes its own two.
# The image may read this file into its own shell instead of running it, so it sets no shell options.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\getenv sniper_password SNIPER_DB_PASSWORD
\getenv temporal_password TEMPORAL_DB_PASSWORD
CREATE ROLE sniper LOGIN PASSWORD :'sniper_password';
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
CREATE DATABASE sniper OWNER sniper;
REVOKE CONNECT ON DATABASE sniper FROM PUBLIC;
SQL
