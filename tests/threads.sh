#!/bin/sh
# threads.sh CC COMMAND... - runs the command where programs of -fsanitize=thread can run. They
# need their addresses in certain places: a kernel that spreads them wider (vm.mmap_rnd_bits
# above 28, with compilers before gcc 14 and clang 18) ends them before main. So it is tried
# first, then without that (setarch -R); if neither works that is a failure.

cc=$1
shift
probe=$(mktemp -d) || exit 1
trap 'rm -rf "$probe"' EXIT
cat >"$probe/probe.c" <<'TEXT'
#include <pthread.h>
static int shared;
static void *change(void *arg) { (void)arg; shared++; return 0; }
int main(int argc, char **argv)
{
	pthread_t thread;

	(void)argv;
	if (pthread_create(&thread, 0, change, 0) != 0)
		return 1;
	if (argc > 1)
		shared++;
	return pthread_join(thread, 0) != 0;
}
TEXT
if ! $cc -O1 -g -fsanitize=thread -fPIE -pie -pthread -o "$probe/probe" "$probe/probe.c"; then
	echo "threads.sh: $cc cannot build with -fsanitize=thread (gcc needs libtsan, clang its runtime)" >&2
	exit 1
fi

# Some kernels place a program well only most of the time.
runs() {
	for i in 1 2 3 4 5 6 7 8; do
		"$@" "$probe/probe" >"$probe/said" 2>&1 || return 1
	done
}

without=
if ! runs; then
	without='setarch -R'
	if ! runs $without; then
		echo "threads.sh: programs built with -fsanitize=thread do not run here, nor with setarch -R:" >&2
		cat "$probe/said" >&2
		echo "threads.sh: as root, sysctl vm.mmap_rnd_bits=28 helps" >&2
		exit 1
	fi
fi
# That it finds anything: two threads, one number, no lock.
if $without "$probe/probe" race >/dev/null 2>&1; then
	echo "threads.sh: -fsanitize=thread of $cc does not find a plain data race" >&2
	exit 1
fi
rm -rf "$probe"
trap - EXIT
exec $without "$@"
