# lib.sh: sourced by the other scripts. Installs packages, builds, and runs private
# PostgreSQL servers below build/ that share nothing with any other server.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build

# make splits names at spaces, and so does PostgreSQL's build system
[[ $top != *[[:space:]]* ]] || { echo "$0: the path of the checkout must not have spaces: $top" >&2; exit 1; }

# a caller's settings for its own servers must not reach ours
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS PGDATA MAKEFLAGS MAKELEVEL

die() {
    echo "$0: $*" >&2
    exit 1
}

is_installed() {
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# The pg_config of a server that is there with its headers, or nothing.
find_pg_config() {
    local candidate
    for candidate in ${PG_CONFIG:-pg_config /usr/lib/postgresql/*/bin/pg_config}; do
        if [ -x "$("$candidate" --bindir 2>/dev/null)/postgres" ] &&
            [ -f "$("$candidate" --includedir-server)/postgres.h" ]; then
            echo "$candidate"
            return
        fi
    done
}

# The major version of PostgreSQL that this Debian ships.
find_major() {
    apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -1
}

# need_packages NAME…: installs what is missing, or says what is.
need_packages() {
    local missing=() name
    command -v dpkg-query >/dev/null || return 0
    for name in "$@"; do
        is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "these Debian packages are missing: ${missing[*]}
Install them with: sudo apt-get install ${missing[*]}"
    echo "installing ${missing[*]}"
    mkdir -p "$build"
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"; } >"$build/apt.log" 2>&1; then
        tail -n 20 "$build/apt.log" >&2
        die "apt-get failed; all it said is in $build/apt.log"
    fi
}

# What is needed to build the extension and to run a server with it; sets PG_CONFIG.
need_build_packages() {
    local major server=()
    if [ -z "$(find_pg_config)" ]; then
        [ -z "${PG_CONFIG:-}" ] || die "$PG_CONFIG is not of a server that is installed with its headers"
        if [ "$(id -u)" = 0 ] && [ -z "$(find_major)" ] && command -v apt-get >/dev/null; then
            apt-get update >/dev/null
        fi
        major=$(find_major)
        [ -n "$major" ] || die "there is no PostgreSQL with its server headers; name one's pg_config with PG_CONFIG=…, or
on Debian: sudo apt-get update && sudo apt-get install gcc libc6-dev make postgresql postgresql-server-dev-all $*"
        server=("postgresql-$major" "postgresql-server-dev-$major")
    fi
    need_packages gcc libc6-dev make "${server[@]}" "$@"
    PG_CONFIG=$(find_pg_config)
}

# as_server COMMAND…: PostgreSQL refuses to run as root, so that for root this runs as
# another user. It keeps root's right to enter folders, also when it asks with access(2)
# (hence the securebit): the checkout may lie in one that only root can enter.
as_server() {
    local user enter=(--securebits=+no_setuid_fixup --inh-caps=+dac_override --ambient-caps=+dac_override)
    if [ "$(id -u)" != 0 ]; then
        "$@"
        return
    fi
    if id postgres >/dev/null 2>&1; then
        user=(--reuid=postgres --regid=postgres --init-groups)
    else
        user=(--reuid=nobody --regid=nogroup --clear-groups)
    fi
    # a container may not have that right to give
    setpriv "${user[@]}" "${enter[@]}" true 2>/dev/null || enter=()
    setpriv "${user[@]}" "${enter[@]}" "$@"
}

# Makes build/pg: copies of the server's programs that look for everything else beside
# themselves, where links lead to the installed files. The extension is installed
# there, and the installed server stays as it is.
make_private_installation() {
    local dir file
    rm -rf "$build/pg"
    mkdir -p "$build"
    for dir in $("$PG_CONFIG" --bindir --pkglibdir --sharedir --includedir-server); do
        mkdir -p "$build/pg$dir"
    done
    cp "$("$PG_CONFIG" --bindir)"/* "$build/pg$("$PG_CONFIG" --bindir)/"
    for dir in $("$PG_CONFIG" --pkglibdir --sharedir --includedir-server); do
        for file in "$dir"/*; do
            [ "${file##*/}" = extension ] || ln -s "$file" "$build/pg$dir/"
        done
    done
    dir=$("$PG_CONFIG" --sharedir)/extension
    mkdir "$build/pg$dir"
    ln -s "$dir"/* "$build/pg$dir/"
}

# Builds the extension and installs it into build/pg; sets bin and pg_config.
build_private() {
    make_private_installation
    bin=$build/pg$("$PG_CONFIG" --bindir)
    pg_config=$bin/pg_config
    make -s -C "$top" install "PG_CONFIG=$pg_config" "$@" >"$build/make.log" 2>&1 ||
        { cat "$build/make.log" >&2; die "the build failed"; }
}

# start_server NAME [SETTING…]: a new, empty server in build/NAME. Points the PG*
# variables of what follows at it; it is stopped when the script ends.
start_server() {
    local name=$1 setting
    shift
    server=$build/$name
    # one that was left running would take the new one's socket with it when it ends
    [ ! -f "$server/data/postmaster.pid" ] || as_server "$bin/pg_ctl" -D "$server/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$server"
    mkdir -p "$server"
    [ "$(id -u)" != 0 ] || chown "$(as_server id -u):$(as_server id -g)" "$server"

    # a socket's path may have 107 bytes
    socket=$server
    if [ ${#server} -gt 85 ]; then
        socket=$(mktemp -d)
        [ "$(id -u)" != 0 ] || chown "$(as_server id -u):$(as_server id -g)" "$socket"
    fi

    as_server "$bin/initdb" -D "$server/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$server/initdb.log"
    for setting in "listen_addresses=''" "unix_socket_directories='$socket'" "$@"; do
        echo "$setting" | as_server tee -a "$server/data/postgresql.conf" >/dev/null
    done
    trap stop_server EXIT
    as_server "$bin/pg_ctl" -D "$server/data" -l "$server/log" -w start >/dev/null ||
        { tail -n 20 "$server/log" >&2; die "the server did not start"; }
    export PGHOST=$socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

stop_server() {
    as_server "$bin/pg_ctl" -D "$server/data" -m immediate stop >/dev/null 2>&1 || true
    [ "$socket" = "$server" ] || rm -rf "$socket"
}

# run_sql [ARGUMENT…]: psql that stops at the first error.
run_sql() {
    "$bin/psql" -X -q -v ON_ERROR_STOP=1 "$@"
}
