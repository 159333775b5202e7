#!/bin/sh
# Makes .env beside docker-compose.yml: .env.example with a fresh secret in each empty place, readable by its owner only.
# Refuses when there is one: new passwords would not fit the database that was made with the old ones.
set -eu
cd "$(dirname "$0")/../.."
if [ -e .env ]; then
    echo ".env is there already; remove it only together with the volumes (docker compose down --volumes)" >&2
    exit 1
fi
umask 077
while IFS= read -r line; do
    case $line in
        '#'*) ;;
        *=) line=$line$(od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n') ;;
    esac
    printf '%s\n' "$line"
done <.env.example >.env.new
mv .env.new .env
echo "made .env"
