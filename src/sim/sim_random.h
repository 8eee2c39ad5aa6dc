/*
 * sim_random.h - random numbers that repeat: the same seed, the same numbers
 * (splitmix64). Not for secrets.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
	uint64_t state;
};

static inline uint64_t
random_next(struct sim_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0 .. n-1; n > 0. */
static inline uint32_t
random_below(struct sim_random *r, uint32_t n)
{
	return (uint32_t)(random_next(r) % n);
}

/* low .. high, both included. */
static inline int64_t
random_between(struct sim_random *r, int64_t low, int64_t high)
{
	return low + (int64_t)(random_next(r) % (uint64_t)(high - low + 1));
}

static inline bool
random_chance(struct sim_random *r, unsigned percent)
{
	return random_below(r, 100) < percent;
}

/* A stream of its own for each (seed, name, number). */
static inline struct sim_random
random_for(uint64_t seed, const char *name, uint64_t number)
{
	struct sim_random r = { seed };
	uint64_t h = 0xcbf29ce484222325u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	r.state = random_next(&r) ^ h;
	r.state = random_next(&r) + number;
	r.state = random_next(&r);
	return r;
}

#endif
