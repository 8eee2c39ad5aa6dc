/*
 * clock.h - the two clocks, behind an interface that a test can replace.
 *
 * Monotonic time measures and times out (leases, backoff in memory); it means
 * nothing after a restart. Wall time is for the store and for people: absolute,
 * survives a restart. Both in milliseconds; names end in _mono_ms or _wall_ms.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

struct clock {
	int64_t (*mono_ms)(const struct clock *);
	int64_t (*wall_ms)(const struct clock *);	/* since 1970, UTC */
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

/* For libevent's timers; negative counts as 0. */
struct timeval clock_timeval(int64_t ms);

#endif
