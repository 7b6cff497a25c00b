#!/usr/bin/env bash
# shell.sh [TREE]: every shell script parses, stops at errors, and is executable.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

bad=0
complain() {
	echo "$1"
	bad=1
}
while IFS= read -r -d '' file; do
	first=$(head -c 64 "$file" | head -n 1 | tr -d '\0')
	case $first in
	'#!'*bash) shell=bash ;;
	'#!'*/sh) shell=sh ;;
	*) continue ;;
	esac
	"$shell" -n "$file" || complain "$file: does not parse"
	[ -x "$file" ] || complain "$file: is not executable"
	grep -qE '^set -[a-z]*e' "$file" || complain "$file: no set -e"
done < <(find .ci tests deploy -type f -print0 | sort -z)
exit $bad
