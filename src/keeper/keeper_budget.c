/*
 * keeper_budget.c - the discipline of answers 429, as keeper_budget.h tells it.
 * Pure, so that its promise can be tested over simulated hours.
 */
#include "keeper/keeper_budget.h"

#include <string.h>

#include "base/backoff.h"
#include "base/mem.h"

#define FIRST_PAUSE_MS 2000
#define LONG_PAUSE_MS  32000

static int64_t
own_pause(const struct budget *b, uint64_t random)
{
	unsigned doubled = b->rounds < 4 ? b->rounds : 4;
	int64_t pause = (int64_t)FIRST_PAUSE_MS << doubled;

	if (pause > LONG_PAUSE_MS)
		pause = LONG_PAUSE_MS;
	/* Longer, never shorter than the provider's own schedule. */
	return pause + (int64_t)(random % (uint64_t)(pause / 4 + 1));
}

/* The time at which the window has room for one more. */
static int64_t
window_opens(const struct budget *b)
{
	if (b->limited_count < BUDGET_LIMITED_MAX)
		return INT64_MIN;
	return b->limited_mono_ms[b->limited_count % BUDGET_LIMITED_MAX] + BUDGET_WINDOW_MS;
}

static void
note_limited(struct budget *b, int64_t now)
{
	b->limited_mono_ms[b->limited_count++ % BUDGET_LIMITED_MAX] = now;
	if (b->until_mono_ms < window_opens(b))
		b->until_mono_ms = window_opens(b);
}

int64_t
budget_limited(struct budget *b, int64_t now, int64_t retry_after_ms, uint64_t random)
{
	int64_t until;

	if (retry_after_ms > BUDGET_PAUSE_MAX_MS)
		retry_after_ms = BUDGET_PAUSE_MAX_MS;
	until = now + (retry_after_ms > 0 ? retry_after_ms : own_pause(b, random));
	/* Those that were in flight when the pause began tell nothing new about its length. */
	if (now >= b->until_mono_ms)
		b->rounds++;
	if (b->until_mono_ms < until)
		b->until_mono_ms = until;
	note_limited(b, now);
	b->probing = true;
	return b->until_mono_ms;
}

void
budget_answered(struct budget *b, int64_t now)
{
	if (budget_paused(b, now))
		return;
	b->rounds = 0;
	b->probing = false;
}

bool
budget_paused(const struct budget *b, int64_t now)
{
	return now < b->until_mono_ms;
}

bool
budget_allows(const struct budget *b, int64_t now, unsigned in_flight)
{
	return !budget_paused(b, now) && (!b->probing || in_flight == 0);
}

/* ---- data sets at their cap ---- */

static struct budget_hold *
hold_of(const struct budget *b, const char *dataset_id)
{
	for (unsigned i = 0; i < BUDGET_HOLDS; i++) {
		if (strcmp(b->holds[i].dataset_id, dataset_id) == 0)
			return (struct budget_hold *)&b->holds[i];
	}
	return NULL;
}

static struct budget_hold *
hold_place(struct budget *b, const char *dataset_id)
{
	struct budget_hold *hold = hold_of(b, dataset_id);

	if (hold != NULL)
		return hold;
	hold = hold_of(b, "");
	if (hold == NULL)
		hold = &b->holds[BUDGET_HOLDS - 1];
	memset(hold, 0, sizeof(*hold));
	(void)str_copy(hold->dataset_id, sizeof(hold->dataset_id), dataset_id);
	return hold;
}

int64_t
budget_hold(struct budget *b, int64_t now, const char *dataset_id)
{
	struct budget_hold *hold = hold_place(b, dataset_id);
	int64_t pause;

	note_limited(b, now);
	if (now >= hold->until_mono_ms) {
		pause = (int64_t)BUDGET_HOLD_MS << (hold->times < 2 ? hold->times : 2);
		hold->times++;
		hold->until_mono_ms = now + (pause < BUDGET_HOLD_MAX_MS ? pause : BUDGET_HOLD_MAX_MS);
	}
	return hold->until_mono_ms - now;
}

int64_t
budget_held_ms(const struct budget *b, int64_t now, const char *dataset_id)
{
	const struct budget_hold *hold = hold_of(b, dataset_id);

	if (hold == NULL)
		return 0;
	if (now < hold->until_mono_ms)
		return hold->until_mono_ms - now;
	return hold->in_flight > 0 ? BUDGET_QUEUE_MS : 0;
}

void
budget_trigger_begun(struct budget *b, const char *dataset_id)
{
	struct budget_hold *hold = hold_of(b, dataset_id);

	if (hold != NULL)
		hold->in_flight++;
}

void
budget_trigger_ended(struct budget *b, const char *dataset_id, bool taken)
{
	struct budget_hold *hold = hold_of(b, dataset_id);

	if (hold == NULL)
		return;
	if (taken)
		memset(hold, 0, sizeof(*hold));
	else if (hold->in_flight > 0)
		hold->in_flight--;
}
