#!/usr/bin/env bash
# cppcheck.sh [TREE]: cppcheck over lib/ and cmd/; a finding fails.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

# Not asked for: missing system headers (it reads none of them), and whether a whole program uses every
# function (single_use.py knows).
exec cppcheck --quiet --std=c11 --language=c --platform=unix64 -j "$(nproc)" -Ilib -D_GNU_SOURCE \
	-DPOSTHORN_VERSION='""' --enable=warning,performance,portability --inline-suppr \
	--suppress=missingIncludeSystem --suppress=unknownMacro --suppressions-list=tests/lint/cppcheck.allow \
	--error-exitcode=1 --template='{file}:{line}: {severity}: {message} [{id}]' lib cmd
