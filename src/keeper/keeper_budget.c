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
	b->changed = true;
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
	if (budget_paused(b, now) || (b->rounds == 0 && !b->probing))
		return;
	b->changed = true;
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
	for (unsigned i = 0; i < b->hold_count; i++) {
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
	if (b->hold_count < BUDGET_HOLDS)
		b->hold_count++;
	hold = &b->holds[b->hold_count - 1];
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
	if (taken) {
		*hold = b->holds[--b->hold_count];
		b->changed = true;
	} else if (hold->in_flight > 0)
		hold->in_flight--;
}

/* ---- from one keeper to the next ---- */

static void
save_pause(struct budget_record *r, const char *dataset_id, int64_t left_ms, unsigned times)
{
	struct budget_pause *pause = &r->pauses[r->pause_count];

	if (left_ms <= 0 && times == 0)
		return;
	r->pause_count++;
	(void)str_copy(pause->dataset_id, sizeof(pause->dataset_id), dataset_id);
	pause->until_ms = r->noted_ms + left_ms;
	pause->times = times;
}

void
budget_save(struct budget *b, int64_t now, int64_t now_wall, struct budget_record *ret)
{
	uint64_t first = b->limited_count > BUDGET_LIMITED_MAX ? b->limited_count - BUDGET_LIMITED_MAX : 0;

	memset(ret, 0, sizeof(*ret));
	ret->noted_ms = now_wall;
	for (uint64_t i = first; i < b->limited_count; i++)
		ret->limited_ms[ret->limited_count++] = now_wall + b->limited_mono_ms[i % BUDGET_LIMITED_MAX] - now;
	/* One that probes counts as paused once more than it was: it asks one by one again. */
	save_pause(ret, "", b->until_mono_ms - now, b->rounds + (b->probing && b->rounds == 0));
	for (unsigned i = 0; i < b->hold_count; i++) {
		const struct budget_hold *hold = &b->holds[i];

		save_pause(ret, hold->dataset_id, hold->until_mono_ms - now, hold->times);
	}
	b->changed = false;
}

static int64_t
within(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static void
restore_hold(struct budget *b, const struct budget_pause *pause, int64_t until_mono_ms)
{
	struct budget_hold *hold = hold_place(b, pause->dataset_id);

	hold->until_mono_ms = until_mono_ms;
	hold->times = pause->times;
}

void
budget_restore(struct budget *b, int64_t now, int64_t now_wall, const struct budget_record *r)
{
	int64_t noted = now - within(now_wall - r->noted_ms, 0, INT32_MAX);	/* monotonic */
	bool all;

	for (unsigned i = 0; i < r->limited_count; i++)
		note_limited(b, noted - within(r->noted_ms - r->limited_ms[i], 0, BUDGET_WINDOW_MS));
	for (unsigned i = 0; i < r->pause_count; i++) {
		const struct budget_pause *pause = &r->pauses[i];
		int64_t until;

		all = pause->dataset_id[0] == '\0';
		until = noted + within(pause->until_ms - r->noted_ms, 0, all ? BUDGET_PAUSE_MAX_MS : BUDGET_HOLD_MAX_MS);
		if (!all) {
			restore_hold(b, pause, until);
			continue;
		}
		b->until_mono_ms = until > b->until_mono_ms ? until : b->until_mono_ms;
		b->rounds = pause->times;
		b->probing = true;
	}
	b->changed = false;
}
