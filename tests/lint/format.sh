#!/usr/bin/env bash
# format.sh [TREE]: every C file is as clang-format (14, .clang-format) writes it.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

bad=0
while IFS= read -r -d '' file; do
	if ! difference=$(clang-format "$file" | diff -u --label "$file" --label formatted "$file" -); then
		head -n 20 <<<"$difference"
		bad=$((bad + 1))
	fi
done < <(find lib cmd tests deploy -name '*.[ch]' -print0 | sort -z)
[ $bad -eq 0 ] || {
	echo "$bad file(s) differ: run clang-format -i on them"
	exit 1
}
