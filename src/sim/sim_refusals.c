/*
 * sim_refusals.c - a ring of times. The fullest five minutes end with an answer, so it
 * is enough to look when one is added.
 */
#include "sim/sim_refusals.h"

uint64_t
refusals_recent(struct refusals *r, int64_t now_ms)
{
	while (r->first < r->next && now_ms - r->times[r->first % REFUSALS_MAX] > REFUSALS_WINDOW_MS)
		r->first++;
	return r->next - r->first;
}

bool
refusals_add(struct refusals *r, int64_t now_ms, bool bans)
{
	uint64_t recent = refusals_recent(r, now_ms);

	if (recent == REFUSALS_MAX) {
		r->first++;	/* its place is needed */
		r->saturated = true;
		recent--;
	}
	r->times[r->next++ % REFUSALS_MAX] = now_ms;
	recent++;
	r->since_lift++;
	if (recent > r->most)
		r->most = recent;
	if (!bans || r->banned || recent < BAN_ANSWERS || r->since_lift < BAN_ANSWERS)
		return false;
	r->banned = true;
	r->bans++;
	return true;
}

void
refusals_lift(struct refusals *r)
{
	r->banned = false;
	r->since_lift = 0;
}
