/*
 * keeper_status.c - how things are, for people: the answer to HEALTH_READ and the
 * status line of the service. Owns the counters of the last hour and the last error.
 */
#include "keeper/keeper.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

#define MINUTE_MS 60000
#define HOUR_MS	  (60 * MINUTE_MS)

static void
remember(struct keeper *k, const char *text)
{
	(void)str_printable(k->last_error, sizeof(k->last_error), text, strlen(text));
	k->error_mono_ms = keeper_mono(k) + 1;		/* 0 means none */
}

/* Minutes that passed without a failure count none. */
static void
turn_minutes(struct keeper *k)
{
	int64_t minute = keeper_mono(k) / MINUTE_MS;

	if (minute - k->failed_minute >= KEEPER_MINUTES)
		memset(k->failed, 0, sizeof(k->failed));
	else
		while (k->failed_minute < minute)
			k->failed[++k->failed_minute % KEEPER_MINUTES] = 0;
	k->failed_minute = minute;
}

static void
remember_failure(struct keeper *k, enum error_code error, const char *error_text)
{
	char text[ERROR_TEXT_SIZE + 64];

	(void)snprintf(text, sizeof(text), "%s: %s", error_info(error)->name, error_text);
	remember(k, text);
}

void
keeper_status_failed(struct keeper *k, const struct crawl *c)
{
	turn_minutes(k);
	k->failed[k->failed_minute % KEEPER_MINUTES]++;
	remember_failure(k, c->error, c->error_text);
}

/* What happened under a former keeper is no less true. Troubles that were no crawl's end
 * are forgotten: if they last they are met again. */
void
keeper_status_recover(struct keeper *k)
{
	struct store_failures failures;
	int64_t now = keeper_now(k);
	struct why why;

	keeper_must(k, store_failures(k->store, now, &failures, &why), &why);
	turn_minutes(k);
	for (int ago = 0; ago < KEEPER_MINUTES; ago++)
		k->failed[(k->failed_minute + KEEPER_MINUTES - ago) % KEEPER_MINUTES] = failures.minutes[ago];
	if (failures.last_ms == 0)
		return;
	remember_failure(k, failures.error, failures.error_text);
	k->error_mono_ms -= now - failures.last_ms;
	k->error_mono_ms += k->error_mono_ms == 0;
}

/* A refused key is met by every crawl: one line a minute will do. */
void
keeper_status_trouble(struct keeper *k, const char *text)
{
	char printable[ERROR_TEXT_SIZE], shown[LOG_FOREIGN_SIZE];
	int64_t ago = keeper_mono(k) - k->error_mono_ms;

	(void)str_printable(printable, sizeof(printable), text, strlen(text));
	if (strcmp(printable, k->last_error) == 0 && ago < MINUTE_MS)
		return;
	remember(k, text);
	log_as(KIND_PROVIDER_TROUBLE, NULL, "%s", str_printable(shown, sizeof(shown), text, strlen(text)));
}

uint32_t
keeper_status_failed_in_hour(const struct keeper *k)
{
	uint32_t sum = 0;

	for (int i = 0; i < KEEPER_MINUTES; i++)
		sum += k->failed[i];
	return sum;
}

static const char *
error_of_hour(const struct keeper *k)
{
	return k->error_mono_ms != 0 && keeper_mono(k) - k->error_mono_ms < HOUR_MS ? k->last_error : "";
}

static const char *
provider_words(const struct keeper *k)
{
	static const char *const words[PROVIDER_STATE_COUNT] = {
		[PROVIDER_OK] = "",
		[PROVIDER_LIMITED] = "; paused by the provider's rate limit",
		[PROVIDER_AWAY] = "; the provider cannot be reached",
		[PROVIDER_KEY_REFUSED] = "; the provider refuses the key",
	};
	int64_t until;

	return words[budget_state(&k->budget, keeper_mono(k), &until)];
}

void
keeper_status_tell(struct keeper *k)
{
	const uint32_t *n = k->counts;
	const char *error = error_of_hour(k);
	uint32_t waiting = n[CRAWL_ACCEPTED] + n[CRAWL_TRIGGERING] + n[CRAWL_RECONCILING];
	char text[sizeof(k->status)], cut[112];

	turn_minutes(k);
	(void)str_printable(cut, sizeof(cut), error, strlen(error));
	(void)snprintf(text, sizeof(text), "%u to trigger, %u polling, %u downloading, %u failed in 1 h%s%s%s",
	    waiting, n[CRAWL_POLLING], n[CRAWL_READY] + n[CRAWL_DOWNLOADING] + n[CRAWL_STORING],
	    keeper_status_failed_in_hour(k), keeper_is_read_only(k) ? "; the disk is read-only" :
	    k->suspended ? "; the job store cannot be written" : k->disk_low ? "; the disk is full" : provider_words(k), cut[0] != '\0' ? "; last error " : "", cut);
	if (strcmp(text, k->status) == 0)
		return;
	(void)str_copy(k->status, sizeof(k->status), text);
	k->parent.status(k->parent.arg, text);
}

/* What a data set's cap holds is not late. */
static bool
is_late(const struct keeper *k, enum crawl_lane lane)
{
	const struct budget *b = &k->budget;

	if (lane != LANE_TRIGGER)
		return lane != LANE_SEARCH;
	for (unsigned i = 0; i <= BUDGET_SETS; i++) {
		if (b->sets[i].waiting > 0 && budget_set_room(b, &b->sets[i], keeper_mono(k)) > 0)
			return true;
	}
	return false;
}

/* How long the most overdue work waits. */
static int64_t
overdue(struct keeper *k)
{
	int64_t now = keeper_now(k), first = INT64_MAX, due;
	struct why why;

	for (enum crawl_lane lane = LANE_TRIGGER; lane < LANE_COUNT; lane++) {
		if (!is_late(k, lane))
			continue;
		keeper_must(k, store_due_next(k->store, lane, 0, &due, &why), &why);
		if (due < first)
			first = due;
	}
	return first < now ? now - first : 0;
}

static void
fill_provider(const struct keeper *k, struct msg_health_answer *a)
{
	int64_t mono = keeper_mono(k), until;

	a->provider = budget_state(&k->budget, mono, &until);
	a->provider_until_ms = a->provider != PROVIDER_OK ? keeper_now(k) + until - mono : 0;
	a->provider_calls = k->budget.calls;
	a->provider_calls_max = k->budget.calls_max;
	a->provider_refusals = budget_refusals(&k->budget, mono);
}

void
keeper_status_fill(struct keeper *k, struct msg_health_answer *a)
{
	int64_t oldest = 0;
	struct why why;

	a->store_ok = !k->suspended;
	a->disk_low = k->disk_low;
	a->disk_read_only = keeper_is_read_only(k);
	a->disk_free = k->disk.free;
	a->disk_reserve = k->disk.reserve;
	memcpy(a->counts, k->counts, sizeof(a->counts));
	a->pollers = keeper_peer_count(k, ROLE_POLLER);
	a->publishers = keeper_peer_count(k, ROLE_PUBLISHER);
	keeper_must(k, store_events_pending(k->store, &a->outbox, &oldest, &why), &why);
	a->outbox_age_ms = oldest > 0 && keeper_now(k) > oldest ? keeper_now(k) - oldest : 0;
	a->oldest_due_ms = overdue(k);
	fill_provider(k, a);
	(void)str_copy(a->last_error, sizeof(a->last_error), error_of_hour(k));
}
