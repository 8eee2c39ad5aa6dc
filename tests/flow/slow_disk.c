/*
 * slow_disk.c - put before the C library (LD_PRELOAD), it makes syncs last while the
 * file $SLOW_DISK is there: as many seconds as it says, and so that the process waits as it
 * does for a disk, where no signal ends it. A parent waits so for a vfork()ed child.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
wait_for_disk(void)
{
	const char *path = getenv("SLOW_DISK");
	FILE *file = path != NULL ? fopen(path, "re") : NULL;
	unsigned seconds = 0;

	if (file != NULL) {
		if (fscanf(file, "%u", &seconds) != 1)
			seconds = 0;
		(void)fclose(file);
	}
	if (seconds > 0 && vfork() == 0) {
		(void)sleep(seconds);
		_exit(0);
	}
}

int
fdatasync(int fd)
{
	wait_for_disk();
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	wait_for_disk();
	return (int)syscall(SYS_fsync, fd);
}
