#!/usr/bin/env bash
# again.sh SIM: the same seeds give the same traces, in one process and over several.
set -euo pipefail
sim=$1
once=$("$sim" --seeds 1-200 --hash)
[ "$(wc -l <<<"$once")" -gt 200 ]
[ "$once" = "$("$sim" --seeds 1-200 --hash)" ]
for seed in 7 42 111 200; do
	grep -qx "$("$sim" --seeds "$seed" --hash | head -n 1)" <<<"$once"
	cmp <("$sim" --seeds "$seed" --trace) <("$sim" --seeds "$seed" --trace)
done
