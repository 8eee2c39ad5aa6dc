/*
 * sim_clock.c - virtual time from monotonic time.
 */
#include "sim/sim_clock.h"

void
sim_clock_init(struct sim_clock *c, const struct clock *real, double scale)
{
	c->real = real;
	c->scale = scale;
	c->offset_ms = 0;
	c->from_mono_ms = clock_mono_ms(real);
	c->from_wall_ms = clock_wall_ms(real);
}

int64_t
sim_clock_now(const struct sim_clock *c)
{
	int64_t passed = clock_mono_ms(c->real) - c->from_mono_ms;

	return c->from_wall_ms + (int64_t)((double)passed * c->scale);
}

int64_t
sim_clock_told(const struct sim_clock *c)
{
	return sim_clock_now(c) + c->offset_ms;
}

void
sim_clock_set_scale(struct sim_clock *c, double scale)
{
	c->from_wall_ms = sim_clock_now(c);
	c->from_mono_ms = clock_mono_ms(c->real);
	c->scale = scale;
}
