#!/usr/bin/env bash
# selftest.sh: each lint fails on a tree with one violation, and passes on the same tree without it.
set -euo pipefail
lint=$(realpath "$(dirname "$0")")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cases=0 bad=0

# A small tree that every lint accepts.
make_tree() {
	rm -rf "${tree:?}"/* "$tree"/.git
	mkdir -p "$tree"/{lib/base,lib/pg,cmd,tests/lint,deploy,docs,.ci}
	cp "$lint/../../.clang-format" "$tree"
	printf 'base\npg\n' >"$tree/lib/LAYERS"
	printf '#pragma once\n\nint one(void);\n' >"$tree/lib/base/one.h"
	printf '#include "base/one.h"\n\nint\none(void)\n{\n\treturn 1;\n}\n' >"$tree/lib/base/one.c"
	printf '#include "base/one.h"\n\nint\nmain(void)\n{\n\treturn one();\n}\n' >"$tree/cmd/main.c"
	printf '#!/bin/sh\nset -e\necho hello\n' >"$tree/deploy/hello"
	chmod +x "$tree/deploy/hello"
	cat >"$tree/posthorn" <<-'SCRIPT'
		#!/bin/sh
		echo "$@"
	SCRIPT
	chmod +x "$tree/posthorn"
	cp "$lint/cppcheck.allow" "$tree/tests/lint"
	echo 'config --reference' >"$tree/docs/configuration.md"
	echo 'config --example' >"$tree/deploy/posthorn.conf.example"
	echo 'help --man' >"$tree/docs/posthorn.1"
	printf '#!/bin/sh\nset -e\ncat\n' >"$tree/docs/make_api_page.py"
	chmod +x "$tree/docs/make_api_page.py"
	echo openapi >"$tree/docs/api.md"
	git -C "$tree" init --quiet
	git -C "$tree" add --all
}

# expect fail|pass LINT WHAT [ARGUMENT…]: the lint's verdict on the tree as it is now.
expect() {
	local wanted=$1 name=$2 what=$3 got=pass output
	shift 3
	output=$("$lint/$name" "$@" "$tree" 2>&1) || got=fail
	cases=$((cases + 1))
	if [ "$got" != "$wanted" ]; then
		printf '%s: %s: expected to %s\n%s\n' "$name" "$what" "$wanted" "$output"
		bad=$((bad + 1))
	elif [ "$got" = fail ] && [ -z "$output" ]; then
		printf '%s: %s: failed without a word\n' "$name" "$what"
		bad=$((bad + 1))
	fi
}

function_of() { # NAME LINES
	printf '\nint\n%s(void)\n{\n' "$1"
	for ((i = 1; i < $2; i++)); do printf '\tone();\n'; done
	printf '\treturn 0;\n}\n'
}

make_tree
for name in layers.sh headers.sh sizes.py banned.py single_use.py format.sh paths.sh shell.sh \
	cppcheck.sh; do
	expect pass "$name" "a clean tree"
done
expect pass docs.sh "current documents" "$tree/posthorn" "$tree/posthorn"

printf '#pragma once\n' >"$tree/lib/pg/pg.h"
sed -i '1i #include "pg/pg.h"' "$tree/lib/base/one.c"
expect fail layers.sh "base includes pg"
make_tree
mkdir "$tree/lib/stray"
touch "$tree/lib/stray/x.c"
echo >"$tree/lib/stray/x.c"
expect fail layers.sh "a folder that is no layer"

make_tree
echo 'size_t two(void);' >>"$tree/lib/base/one.h"
expect fail headers.sh "a header that needs another"
make_tree
sed -i 1d "$tree/lib/base/one.h"
expect fail headers.sh "no #pragma once"

make_tree
function_of long_one 100 >>"$tree/cmd/main.c"
expect pass sizes.py "a function of 100 lines"
function_of longer_one 101 >>"$tree/cmd/main.c"
expect fail sizes.py "a function of 101 lines"
echo 'cmd/main.c longer_one 101 # a reason' >"$tree/tests/lint/sizes.allow"
expect pass sizes.py "an allowed function of 101 lines"
sed -i 's/101 #/102 #/' "$tree/tests/lint/sizes.allow"
expect fail sizes.py "an allowance larger than its need"
echo 'cmd/main.c longer_one 101' >"$tree/tests/lint/sizes.allow"
expect fail sizes.py "an allowance without a reason"
make_tree
seq 901 | sed 's,.*,/* line */,' >"$tree/cmd/big.c"
expect fail sizes.py "a file of 901 lines"
make_tree
echo 'cmd/gone.c gone 101 # a reason' >"$tree/tests/lint/sizes.allow"
expect fail sizes.py "an allowance that nothing needs"

for call in 'strcpy(a, b)' 'sprintf (a, "x")' 'n = atoi(a)' 'alloca(3)' 'sleep(1)'; do
	make_tree
	printf '\t%s;\n' "$call" >>"$tree/lib/base/one.c"
	expect fail banned.py "$call"
done
make_tree
printf '\tTAILQ_INSERT_TAIL(list, take(m), entry);\n' >>"$tree/lib/base/one.c"
expect fail banned.py "a call as an element of a list macro"
make_tree
printf '/* strcpy(a, b) */\nconst char *text = "strcpy(a, b)";\nint my_atoi(void);\n' >>"$tree/cmd/main.c"
expect pass banned.py "names in comments, literals and other words"
printf '\tcurl_easy_perform(h);\n' >>"$tree/cmd/main.c"
expect pass banned.py "curl_easy_perform in cmd/"
printf '\tcurl_easy_perform(h);\n' >>"$tree/lib/base/one.c"
expect fail banned.py "curl_easy_perform in lib/"

make_tree
printf 'int two(void);\n' >>"$tree/lib/base/one.h"
function_of two 1 >>"$tree/lib/base/one.c"
expect fail single_use.py "a function that nobody else calls"
make_tree
function_of two 1 | sed 's/^int$/static int/' >>"$tree/lib/base/one.c"
expect pass single_use.py "a static function"

make_tree
printf 'int   three;\n' >>"$tree/cmd/main.c"
expect fail format.sh "three blanks"

make_tree
printf '# see /home/%s/notes\n' someone >>"$tree/deploy/hello"
expect fail paths.sh "a home folder"

make_tree
printf 'if true\n' >>"$tree/deploy/hello"
expect fail shell.sh "an if without fi"
make_tree
chmod -x "$tree/deploy/hello"
expect fail shell.sh "a script that cannot be run"
make_tree
sed -i '/^set/d' "$tree/deploy/hello"
expect fail shell.sh "a script that goes on after errors"

make_tree
printf 'int\nread_past(void)\n{\n\tint a[2] = { 0 };\n\treturn a[2];\n}\n' >>"$tree/cmd/main.c"
expect fail cppcheck.sh "an array read past its end"

make_tree
echo stale >>"$tree/docs/posthorn.1"
expect fail docs.sh "a stale page" "$tree/posthorn" "$tree/posthorn"
make_tree
rm "$tree/docs/configuration.md"
expect fail docs.sh "a missing page" "$tree/posthorn" "$tree/posthorn"
make_tree
echo stale >>"$tree/docs/api.md"
expect fail docs.sh "a stale page of the API" "$tree/posthorn" "$tree/posthorn"

# A list of one mutant; its file, its test and its page fit.
make_mutants() {
	make_tree
	mkdir -p "$tree/tests/mutants" "$tree/tests/e2e"
	cat >"$tree/tests/mutants/one.toml" <<-'TOML'
		title = "One"
		[[mutant]]
		protection = "one is one"
		off = "it is two"
		file = "lib/base/one.c"
		old = "return 1;"
		new = "return 2;"
		fails = ["e2e/test_one.py::test_one"]
	TOML
	printf 'def test_one():\n    pass\n' >"$tree/tests/e2e/test_one.py"
	"$lint/../mutants/run" --page --tree "$tree" >"$tree/docs/protections.md"
}
make_mutants
expect pass mutants.py "a mutant that applies"
sed -i 's/return 1/return 3/' "$tree/lib/base/one.c"
expect fail mutants.py "a mutant that applies no more"
make_mutants
sed -i 's/test_one/test_other/' "$tree/tests/e2e/test_one.py"
expect fail mutants.py "a mutant whose test is no more"
make_mutants
echo stale >>"$tree/docs/protections.md"
expect fail mutants.py "a stale page of protections"

# A document of one operation, changed by a statement of Python's on d, thing and components.
make_document() {
	make_tree
	mkdir -p "$tree/lib/api/openapi"
	echo '{"Thing": {}}' >"$tree/lib/api/openapi/thing.json"
	printf '| `GET /thing` | same | |\n| `PUT /thing` | 501 | |\n' >"$tree/docs/compatibility.md"
	cat >"$tree/whole.json" <<-'JSON'
		{"paths": {"/thing": {"get": {"operationId": "v1.thing.get", "summary": "Get it",
		  "responses": {"200": {"content": {"application/json": {"schema":
		    {"$ref": "#/components/schemas/Thing"}}}}}}}},
		 "components": {"schemas": {"Thing": {}}, "parameters": {}, "responses": {}}}
	JSON
	python3 -c '
import json, sys
d = json.load(sys.stdin)
thing, components = d["paths"]["/thing"]["get"], d["components"]
exec(sys.argv[1])
json.dump(d, sys.stdout)' "$1" <"$tree/whole.json" >"$tree/document.json"
	printf '#!/bin/sh\ncat "%s"\n' "$tree/document.json" >"$tree/posthornd"
	chmod +x "$tree/posthornd"
}
make_document 'pass'
expect pass openapi.py "a whole document" "$tree/posthornd"
for member in 'thing["operationId"]' 'thing["summary"]' 'thing["responses"]["200"]'; do
	make_document "del $member"
	expect fail openapi.py "an operation without $member" "$tree/posthornd"
done
make_document 'd["paths"]["/other"] = d["paths"]["/thing"]'
expect fail openapi.py "two operations of one id" "$tree/posthornd"
make_document 'components["schemas"] = {}'
expect fail openapi.py "a reference that leads nowhere" "$tree/posthornd"
for kind in schemas parameters responses; do
	make_document "components['$kind']['other'] = {}"
	expect fail openapi.py "one of the $kind that nothing uses" "$tree/posthornd"
done
make_document 'pass'
echo '{"Late": {}}' >"$tree/lib/api/openapi/late.json"
expect fail openapi.py "a file that is not in the document" "$tree/posthornd"
for change in '/PUT/d; s/same/501/' 's/501/same/' 's/same/better/' 's/same/so/' '/GET/d' '/GET/p'; do
	make_document 'pass'
	sed -i "$change" "$tree/docs/compatibility.md"
	expect fail openapi.py "a page of compatibility changed by $change" "$tree/posthornd"
done
make_document 'pass'
printf '#!/bin/sh\necho broken >&2\nexit 70\n' >"$tree/posthornd"
expect fail openapi.py "no document" "$tree/posthornd"

echo "$cases cases, $bad wrong"
[ $bad -eq 0 ]
