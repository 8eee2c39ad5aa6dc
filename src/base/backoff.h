/*
 * backoff.h - how long to wait before trying again. Pure: the random number is
 * the caller's.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t first_ms;	/* pause after the first failure */
	int64_t cap_ms;		/* no pause is longer */
};

/* Pause after the n-th failure in a row (n from 1): doubled each time, capped,
 * then spread over [3/4, 5/4] of itself by random, so that many who failed
 * together do not come back together. The cap counts after the spread: the
 * longest pauses lie in [3/5, 1] of cap_ms. */
int64_t backoff_pause_ms(const struct backoff *, unsigned n, uint64_t random);

/* value spread over [1 - 1/part, 1 + 1/part] of itself: backoff_jitter(10000, 5, r) is 8..12 s. */
int64_t backoff_jitter(int64_t value_ms, unsigned part, uint64_t random);

#endif
