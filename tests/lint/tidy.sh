#!/usr/bin/env bash
# tidy.sh BUILD: clang-tidy (.clang-tidy says which checks) over lib/ and cmd/.
set -euo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/../.."

# The database was made for gcc: clang does not know some of its warnings.
if ! output=$(run-clang-tidy -quiet -p "$build" -j "$(nproc)" \
	-extra-arg=-Wno-unknown-warning-option "^$PWD/(lib|cmd)/.*\.c$" 2>&1); then
	sed 's/\x1b\[[0-9;]*m//g' <<<"$output" | grep -E ': (error|warning): ' | sort -u | head -n 200
	echo "the path to a finding: clang-tidy -p ${build#"$PWD"/} FILE"
	exit 1
fi
