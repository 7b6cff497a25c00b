#!/usr/bin/env bash
# headers.sh [TREE]: each header of lib/ and cmd/ compiles alone, and starts with #pragma once.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

flags=$(pkg-config --cflags libbsd-overlay libcurl libpq jansson libcares libevent smartcols)
check() {
	local header=$1
	grep -q '^#pragma once$' "$header" || {
		echo "$header: no #pragma once"
		return 1
	}
	# shellcheck disable=SC2086 # flags are words
	printf '#include "%s"\n' "$header" |
		gcc -std=gnu17 -fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE $flags -Ilib -I. -x c - ||
		{
			echo "$header: does not compile alone"
			return 1
		}
}
export -f check
export flags
find lib cmd -name '*.h' -print0 2>/dev/null | sort -z |
	xargs -0 -r -P "$(nproc)" -I{} bash -c 'check "$1"' check {}
