#!/bin/sh
# The namespace and the search attributes of workflows/names.py, registered and usable when this ends. May be repeated.
# Server and namespace: TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, which the Temporal CLI reads by itself.
set -eu
attributes='
SniperAccount Keyword
SniperSymbol Keyword
SniperPhase Keyword
SniperOutcome Keyword
SniperOpensAt Datetime
'

patiently() { # COMMAND...: until it succeeds, for about a minute; a new name reaches the server's parts through caches
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -ge 30 ]; then
            "$@" # once more, to say why
            return
        fi
        sleep 2
    done
}

patiently temporal operator cluster health
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d
patiently temporal operator search-attribute list

set --
query=
while read -r name kind; do
    [ -n "$name" ] || continue
    set -- "$@" --name "$name" --type "$kind"
    query="${query:+$query AND }$name IS NULL"
done <<EOF
$attributes
EOF
temporal operator search-attribute create "$@"
patiently temporal workflow count --query "$query"
echo "namespace $TEMPORAL_NAMESPACE is ready"
