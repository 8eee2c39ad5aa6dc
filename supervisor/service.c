/*
 * service.c - the table of services; the policy that reads it is elsewhere.
 */
#include "supervisor/service.h"

#include <sched.h>

static unsigned
one(const struct conf *conf)
{
	(void)conf;
	return 1;
}

static unsigned
pollers(const struct conf *conf)
{
	return (unsigned)conf->background_max_workers;
}

/* One per core that we may use; a container often has fewer than the machine. */
static unsigned
fronts(const struct conf *conf)
{
	cpu_set_t cores;
	int count = 1;

	if (conf->front_workers > 0)
		return (unsigned)conf->front_workers;
	if (sched_getaffinity(0, sizeof(cores), &cores) == 0)
		count = CPU_COUNT(&cores);
	return (unsigned)(count < 1 ? 1 : count > 64 ? 64 : count);
}

/* What happens when the keeper does not move, and why the numbers have to rise:
 *
 *   10 s  the watchdog is no longer fed (supervisor.c); the status line says so
 *   20 s  the keeper is killed and another started, which takes a second or two
 *   25 s  at the earliest, if that did not help, systemd ends everything: the unit's
 *         WatchdogSec=30 since the last time it was fed, half of it before the 10 s
 *
 * A shorter WatchdogSec= would have systemd end everything where a new keeper would do. */
const struct service services[SERVICE_COUNT] = {
	{ .role = ROLE_KEEPER, .program = "trawld-keeper", .limit = 1, .count = one,
	  .share = CONF_KEEPER, .ready_within_ms = 30000, .stop_within_ms = 2000,
	  .leave_within_ms = 5000, .silent_within_ms = 20000, .in_data_dir = true },
	{ .role = ROLE_PUBLISHER, .program = "trawld-publisher", .limit = 1, .count = one,
	  .share = CONF_PUBLISHER, .ready_within_ms = 10000, .stop_within_ms = 1000,
	  .leave_within_ms = 5000, .silent_within_ms = 60000, .in_data_dir = true },
	{ .role = ROLE_POLLER, .program = "trawld-poller", .limit = 64, .count = pollers,
	  .share = CONF_POLLER, .ready_within_ms = 10000, .stop_within_ms = 3000,
	  .leave_within_ms = 60000, .silent_within_ms = 60000, .overlaps = true, .in_data_dir = true },
	{ .role = ROLE_FRONT, .program = "trawld-front", .limit = 64, .count = fronts,
	  .share = CONF_FRONT, .ready_within_ms = 10000, .stop_within_ms = 4000,
	  .leave_within_ms = 60000, .silent_within_ms = 60000, .overlaps = true, .listens = true },
};
