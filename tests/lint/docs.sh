#!/usr/bin/env bash
# docs.sh POSTHORN [TREE]: the documents made from the code's tables are current.
set -euo pipefail
posthorn=$(realpath "$1")
cd "${2:-$(dirname "$0")/../..}"

bad=0
check() {
	local file=$1
	shift
	if ! "$posthorn" "$@" | diff -u --label "$file" --label "posthorn $*" "$file" - | head -n 40; then
		echo "$file is not current: posthorn $* >$file"
		bad=1
	fi
}
check docs/configuration.md config --reference
check deploy/posthorn.conf.example config --example
check docs/posthorn.1 help --man
exit $bad
