#!/bin/sh
# What the official image's entrypoint promises to the tests: a data folder made at the first start, the variables
# POSTGRES_HOST_AUTH_METHOD and POSTGRES_PASSWORD, no root at run time, arguments that are options of the server.
set -eu
[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"
: "${PGDATA:=/var/lib/postgresql/18/docker}" "${POSTGRES_HOST_AUTH_METHOD:=scram-sha-256}"
[ "$POSTGRES_HOST_AUTH_METHOD" = trust ] || : "${POSTGRES_PASSWORD:?must be set}"
export PGDATA
case "${1:-}" in -*) set -- postgres "$@" ;; esac
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" && chown -R 999:999 /var/lib/postgresql && chmod 700 "$PGDATA"
    exec setpriv --reuid 999 --regid 999 --clear-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s' "${POSTGRES_PASSWORD:-unused}" > /tmp/password
    initdb -D "$PGDATA" -U postgres --pwfile=/tmp/password --auth="$POSTGRES_HOST_AUTH_METHOD" --encoding=UTF8 \
        --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C --no-sync > /dev/null
    rm /tmp/password
    echo "host all all all $POSTGRES_HOST_AUTH_METHOD" >> "$PGDATA/pg_hba.conf"
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp
