#!/usr/bin/env bash
# cppcheck.sh [TREE]: cppcheck over lib/ and cmd/; a finding fails.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

# It reads no system headers but the lists, which are macros. Not asked: whether the whole program uses
# every function (single_use.py knows).
exec cppcheck --quiet --std=c11 --language=c --platform=unix64 -j "$(nproc)" -Ilib -D_GNU_SOURCE \
	--include=/usr/include/bsd/sys/queue.h \
	-DPOSTHORN_VERSION='""' --enable=warning,performance,portability --inline-suppr \
	--suppress=missingIncludeSystem --suppress=unknownMacro --suppressions-list=tests/lint/cppcheck.allow \
	--error-exitcode=1 --template='{file}:{line}: {severity}: {message} [{id}]' lib cmd
