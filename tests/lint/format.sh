#!/usr/bin/env bash
# format.sh [TREE]: every C file is as clang-format (14, .clang-format) writes it.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

mapfile -t files < <(find lib cmd tests deploy -name '*.[ch]' | sort)
bad=$(clang-format --dry-run --Werror "${files[@]}" 2>&1 | sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: error:.*/\1/p' | sort -u || true)
[ -n "$bad" ] || exit 0
while read -r file; do
	clang-format "$file" | diff -u --label "$file" --label formatted "$file" - | head -n 20 || true
done <<<"$bad"
echo "$(wc -l <<<"$bad") file(s) differ: run clang-format -i on them"
exit 1
