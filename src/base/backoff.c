/* backoff.c - pauses between attempts. Owns nothing. */
#include "base/backoff.h"

#include <assert.h>

#define VALUE_MAX (INT64_MAX / 4)	/* room for doubling and spreading */

int64_t
backoff_jitter(int64_t value_ms, unsigned part, uint64_t random)
{
	int64_t value, spread;

	assert(part > 0);
	if (value_ms <= 0)
		return 0;
	value = value_ms < VALUE_MAX ? value_ms : VALUE_MAX;
	spread = value / part;
	return value - spread + (int64_t)(random % (uint64_t)(2 * spread + 1));
}

int64_t
backoff_pause_ms(const struct backoff *b, unsigned n, uint64_t random)
{
	/* What is spread upwards by a quarter must still keep the cap. */
	int64_t cap = b->cap_ms < VALUE_MAX ? b->cap_ms - b->cap_ms / 5 : VALUE_MAX;
	int64_t pause = b->first_ms;

	for (; n > 1 && pause > 0 && pause < cap; n--)
		pause *= 2;
	if (pause > cap)
		pause = cap;
	return backoff_jitter(pause, 4, random);
}
