#!/usr/bin/env bash
# What the scripts that measure have in common: the build they take, the server they start, its end. To be
# sourced from the top of the tree, after `build` was set to the build directory.
set -euo pipefail

dir=    # of the server under test: dev/, ready, log; gone with it
server= # its pid
url=

fail() {
	echo "$0: $1" >&2
	exit 1
}

# need_build PROGRAM…: they are there and measure what would be shipped. $allow_sanitizers lets a build with
# sanitizers pass, for tests of the scripts themselves.
need_build() {
	local program
	for program in posthornd posthorn-bench "$@"; do
		[ -x "$build/$program" ] || fail "build first: meson setup build && ninja -C build"
	done
	[ -n "${allow_sanitizers:-}" ] || ! ldd "$build/posthornd" | grep -q asan ||
		fail "$build has sanitizers: its figures mean nothing"
}

# start WORKERS OPTION…: posthornd --dev in a directory of its own; sets dir, server and url.
start() {
	local workers=$1
	shift
	dir=$(mktemp -d /tmp/posthorn-bench.XXXXXX)
	chmod 755 "$dir" # under root, PostgreSQL runs there as another user
	"$build/posthornd" "--dev=$dir/dev" --listen 127.0.0.1:0 --workers "$workers" "$@" \
		>"$dir/ready" 2>"$dir/log" </dev/null &
	server=$!
	for _ in $(seq 600); do
		url=$(grep -o -m 1 'http://[^ ]*' "$dir/ready" || true)
		[ -z "$url" ] || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	cat "$dir/log" >&2
	fail "the server does not start"
}

# sql STATEMENT…: in the database of the server under test, each by itself, as its owner.
sql() {
	local psql=(psql -qXAt -h "$dir/dev/run" posthorn posthorn) owner statement
	owner=$(stat -c %U "$dir/dev/postgres")
	[ "$(id -un)" = "$owner" ] || psql=(runuser -u "$owner" -- "${psql[@]}")
	for statement; do echo "$statement;"; done | (cd / && "${psql[@]}")
}

# age SEGMENTS: makes files of the write-ahead log for the measuring to write over. A database that has been in use
# has them; a new one fills each with zeros when it comes to it, in the middle of a commit.
age() {
	local steps=()
	for _ in $(seq "$1"); do
		steps+=("select pg_logical_emit_message(true, '', '')" "select pg_switch_wal()")
	done
	sql "${steps[@]}" checkpoint >/dev/null
}

stop() {
	[ -n "$dir" ] || return 0
	kill "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	rm -rf "$dir"
	dir=
}

# load FILE OPTION…: posthorn-bench against the server under test; its report in JSON goes to FILE.
load() {
	local file=$1
	shift
	"$build/posthorn-bench" --url "$url" --token-file "$dir/dev/token" --tree "$server" --output json \
		"$@" >"$file"
}
