#!/bin/sh
# search.sh SECONDS PROGRAM...: lets libFuzzer search each target for so long, from
# the kept inputs on. What it finds is written to build-fuzz/found; a finding fails.
set -u
here=$(dirname "$0")
seconds=$1
shift
failed=0
for program in "$@"; do
	name=$(basename "$program" -search)
	name=${name#fuzz-}
	found=build-fuzz/found/$name
	mkdir -p "$found"
	echo "fuzz $name for $seconds s"
	"$program" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
		-print_final_stats=1 -artifact_prefix="$found/bad-" "$found" "$here/corpus/$name" \
		>"$found.log" 2>&1 || { failed=1; tail -n 40 "$found.log"; }
	grep -E 'number_of_executed_units|new_units_added' "$found.log"
done
exit $failed
