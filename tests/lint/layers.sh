#!/usr/bin/env bash
# layers.sh [TREE]: a file in lib/ includes only its own layer and those before it in lib/LAYERS.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"

find lib -name '*.[ch]' -print0 | sort -z | xargs -0 awk '
	FNR == 1 { split(FILENAME, part, "/"); own = part[2] }
	FILENAME == "lib/LAYERS" { rank[$1] = FNR; next }
	!(own in rank) {
		if (FNR == 1) {
			print FILENAME ": its folder is not a layer of lib/LAYERS"
			bad = 1
		}
		next
	}
	match($0, /^[ \t]*#[ \t]*include[ \t]*"[a-z0-9_]+\//) {
		split($0, quoted, "\"")
		split(quoted[2], part, "/")
		if (!(part[1] in rank)) {
			print FILENAME ":" FNR ": \"" quoted[2] "\" is in no layer of lib/LAYERS"
			bad = 1
		} else if (rank[part[1]] > rank[own]) {
			print FILENAME ":" FNR ": " own " may not use " part[1] " (lib/LAYERS)"
			bad = 1
		}
	}
	END { exit bad }' lib/LAYERS
