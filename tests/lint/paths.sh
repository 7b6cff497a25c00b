#!/usr/bin/env bash
# paths.sh [TREE]: nothing committed names a place of one developer's machine, or holds a private key.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

patterns=(
	'/home/[a-z]' '/Users/[A-Za-z]' '/root/' '/opt/wheels' '/work/(main|shared)' '/tmp/b-'
	'\.pyenv' 'find-links' 'index-url' 'BEGIN [A-Z ]*PRIVATE KEY'
)
expression=$(IFS='|' && echo "${patterns[*]}")
if found=$(git grep -nIE -e "$expression" -- . ':!tests/lint/paths.sh'); then
	echo "$found"
	exit 1
fi
