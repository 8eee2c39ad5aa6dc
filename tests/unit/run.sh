#!/bin/sh
# run.sh PROG... - runs cmocka programs quietly: one line for each, the output
# only of those that fail, and at the end "N passed, N failed". A program that
# crashes, hangs or leaves without a summary counts as one failed test.
#
# UNIT_TIMEOUT: seconds that one program may take (300).

out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0

# The number in cmocka's line "[  WORD  ] N test(s)...", 0 when there is none;
# a program may run several groups.
count() {
	sed -n "s/^\[  $1  *\] \([0-9][0-9]*\) test(s).*/\1/p" "$out" |
		awk '{ n += $1 } END { print n + 0 }'
}

unset CMOCKA_MESSAGE_OUTPUT CMOCKA_XML_FILE CMOCKA_TEST_FILTER JOURNAL_STREAM
for prog in "$@"; do
	name=${prog##*/}
	timeout -k 5 "${UNIT_TIMEOUT:-300}" "$prog" >"$out" 2>&1 </dev/null
	status=$?
	good=$(count PASSED) bad=$(count FAILED)
	passed=$((passed + good))
	if [ "$status" -eq 0 ] && [ "$bad" -eq 0 ] && grep -q '^\[==========\] .* run' "$out"; then
		echo "ok     $name ($good)"
		continue
	fi
	[ "$bad" -gt 0 ] || bad=1
	failed=$((failed + bad))
	echo "FAILED $name (exit status $status)"
	sed 's/^/    /' "$out"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
