/*
 * limits.c - set once, before the first child. Whether they are enough depends on the
 * configuration, so a reload asks again.
 */
#include "supervisor/limits.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/why.h"
#include "supervisor/service.h"

#define DESCRIPTORS_WANTED 65536
/* Of the supervisor, which has the most of all while it starts: its own (14), and those of
 * a child in the making (its end of the control socket, the configuration, and what
 * spawn.c moves out of the way: 10). Two to spare, since a reload has one child more. */
#define DESCRIPTORS_BESIDE 26

/* Modes and limits of the whole set, and no core file or debugger for the one that reads
 * the key. SCHED_BATCH (sched(7)): who wakes up waits until the one that runs has no more
 * to do, so work is handed on in larger portions; where a core is free nothing changes. */
void
limits_set(void)
{
	const struct sched_param none = { 0 };
	struct rlimit limit;

	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	(void)umask(0027);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int
limits_check(const struct conf *conf, struct why *why)
{
	unsigned long long needed = DESCRIPTORS_BESIDE;	/* and a control socket for each child */
	struct rlimit limit;

	for (unsigned i = 0; i < SERVICE_COUNT; i++)
		needed += services[i].count(conf);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
		return 0;
	return why_set(why, EMFILE, "%u processes need %llu file descriptors each at least, and the limit is %llu: raise "
	    "it (ulimit -n, LimitNOFILE= of the unit), or set BACKGROUND_MAX_WORKERS and FRONT_WORKERS lower",
	    (unsigned)(needed - DESCRIPTORS_BESIDE), needed, (unsigned long long)limit.rlim_cur);
}
