#!/bin/sh
# Replays tests/fuzz/corpus/NAME/* through each fuzz-NAME-replay. A target without
# a single kept input is a failure: then nothing was tried.
set -u
here=$(dirname "$0")
passed=0 failed=0
for program in "$@"; do
	name=$(basename "$program" -replay)
	name=${name#fuzz-}
	if ! ls "$here/corpus/$name"/* >/dev/null 2>&1; then
		echo "corpus/$name is empty"
		failed=$((failed + 1))
		continue
	fi
	if output=$("$program" "$here/corpus/$name"/* 2>&1); then
		echo "corpus $name: $output"
		passed=$((passed + 1))
	else
		echo "corpus $name FAILED:"
		echo "$output" | tail -n 60
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
