/*
 * clock.h - the clocks, behind an interface that a test can replace.
 *
 * Monotonic time measures and times out (leases, backoff in memory); it means
 * nothing after a restart. Wall time is for the store and for people: absolute,
 * survives a restart. Boot time is monotonic, the same for all processes, and goes on
 * while the machine sleeps: what is agreed between processes ends by it. All in
 * milliseconds; names end in _mono_ms, _wall_ms or _boot_ms.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

struct clock {
	int64_t (*mono_ms)(const struct clock *);
	int64_t (*wall_ms)(const struct clock *);	/* since 1970, UTC */
	int64_t (*boot_ms)(const struct clock *);
};

extern const struct clock clock_system;

static inline int64_t
clock_mono_ms(const struct clock *c)
{
	return c->mono_ms(c);
}

static inline int64_t
clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c);
}

static inline int64_t
clock_boot_ms(const struct clock *c)
{
	return c->boot_ms(c);
}

/* For libevent's timers; negative counts as 0. */
struct timeval clock_timeval(int64_t ms);

#endif
