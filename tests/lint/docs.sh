#!/usr/bin/env bash
# docs.sh POSTHORN POSTHORND [TREE]: the documents made from the code's tables are current.
set -euo pipefail
posthorn=$(realpath "$1")
posthornd=$(realpath "$2")
cd "${3:-$(dirname "$0")/../..}"

bad=0
api_page() {
	"$posthornd" openapi | docs/make_api_page.py
}
# check FILE HOW COMMAND…: what the command prints, which a person would call HOW, is in the file.
check() {
	local file=$1 how=$2
	shift 2
	if ! "$@" | diff -u --label "$file" --label "$how" "$file" - | head -n 40; then
		echo "$file is not current: $how >$file"
		bad=1
	fi
}
check docs/configuration.md "posthorn config --reference" "$posthorn" config --reference
check deploy/posthorn.conf.example "posthorn config --example" "$posthorn" config --example
check docs/posthorn.1 "posthorn help --man" "$posthorn" help --man
check docs/api.md "posthornd openapi | docs/make_api_page.py" api_page
exit $bad
