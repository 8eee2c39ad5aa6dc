/*
 * keeper_crawl.c - a crawl's steps. keeper_step() is the one place where a state
 * changes: it asks the table in model/crawl.h, writes the row and the event in the
 * open transaction, counts, logs, and wakes the requests that wait.
 *
 * It decides nothing: when to make which step is keeper_request.c's (clients),
 * keeper_trigger.c's, keeper_search.c's and keeper_result.c's (the provider), and
 * keeper_grant.c's and keeper_lease.c's (pollers).
 */
#include "keeper/keeper.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

/* Steps that go on with the same attempt: failures in a row are counted over them, ... */
static const bool keeps_failures[CRAWL_STEP_COUNT] = {
	[STEP_LEASE_TRIGGER] = true,
	[STEP_NOT_SENT] = true,
	[STEP_UNKNOWN] = true,
	[STEP_LEASE_DOWNLOAD] = true,
};

/* ... and others over which patience is measured all the same. */
static const bool keeps_patience[CRAWL_STEP_COUNT] = {
	[STEP_NOT_BUILT] = true,
	[STEP_SPOOL_LOST] = true,
};

void
keeper_must(struct keeper *k, int result, const struct why *why)
{
	(void)k;
	if (result < 0)
		fatal_as(EXIT_STATUS_FAILURE, KIND_STORE_FAILED, "%s; the next keeper reads what is on disk", why->text);
}

bool
keeper_find(struct keeper *k, const struct uuid *id, struct job *ret)
{
	struct why why;
	int result = store_crawl_find(k->store, id, &ret->crawl, &why);

	ret->has_request = false;
	if (result == -ENOENT)
		return false;
	keeper_must(k, result, &why);
	return true;
}

const struct trigger_request *
keeper_request_of(struct keeper *k, struct job *job)
{
	struct why why;
	int result;

	if (!job->has_request) {
		result = store_request_find(k->store, &job->crawl.id, &job->request, &why);
		if (result == -ENOENT)
			(void)why_set(&why, EUCLEAN, "job store: a crawl has no request");
		keeper_must(k, result, &why);
		job->has_request = true;
	}
	return &job->request;
}

void
keeper_note(struct crawl *c, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE + NOTE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)str_printable(c->note, sizeof(c->note), text, strlen(text));
}

void
keeper_object_url(const struct keeper *k, const struct crawl *c, char *dst, size_t size)
{
	dst[0] = '\0';
	if (c->state != CRAWL_COMPLETED || c->object_path[0] == '\0')
		return;
	if (k->conf->storage_backend == STORAGE_GCP)
		(void)snprintf(dst, size, "gs://%s/%s", k->conf->gcs_bucket_raw_data, c->object_path);
	else
		(void)snprintf(dst, size, "file://%s/objects/%s", k->conf->data_dir, c->object_path);
}

static const enum log_kind_id state_kinds[CRAWL_STATE_COUNT] = {
	[CRAWL_ACCEPTED] = KIND_CRAWL_ACCEPTED,
	[CRAWL_TRIGGERING] = KIND_CRAWL_TRIGGERING,
	[CRAWL_RECONCILING] = KIND_CRAWL_RECONCILING,
	[CRAWL_POLLING] = KIND_CRAWL_POLLING,
	[CRAWL_READY] = KIND_CRAWL_READY,
	[CRAWL_DOWNLOADING] = KIND_CRAWL_DOWNLOADING,
	[CRAWL_STORING] = KIND_CRAWL_STORING,
	[CRAWL_COMPLETED] = KIND_CRAWL_COMPLETED,
	[CRAWL_FAILED] = KIND_CRAWL_FAILED,
	[CRAWL_CANCELED] = KIND_CRAWL_CANCELED,
};

/* What an operator wants to know of the state that has come, "" for nothing. */
static const char *
state_details(char *dst, size_t size, const struct crawl *c)
{
	char foreign[LOG_FOREIGN_SIZE];

	dst[0] = '\0';
	if (c->error != ERROR_NONE)
		(void)snprintf(dst, size, " %s: %s", error_info(c->error)->name,
		    str_printable(foreign, sizeof(foreign), c->error_text, strlen(c->error_text)));
	else if (c->state == CRAWL_READY && c->provider_records != UINT64_MAX)
		(void)snprintf(dst, size, ", %" PRIu64 " records", c->provider_records);
	else if (c->state == CRAWL_COMPLETED)
		(void)snprintf(dst, size, ", stored as %s",
		    str_printable(foreign, sizeof(foreign), c->object_path, strlen(c->object_path)));
	return dst;
}

/* The stage that has come, or the one that has ended. */
static enum crawl_stage
stage_of_step(const struct crawl *c, enum crawl_state from)
{
	if (c->stage != STAGE_NONE)
		return c->stage;
	return crawl_is_terminal(c->state) ? crawl_stage_of(from) : crawl_stage_of(c->state);
}

static void
log_step(const struct keeper *k, const struct crawl *c, enum crawl_state from)
{
	char details[LOG_FOREIGN_SIZE + 64];

	if (c->state == from || !log_wants(log_kinds[state_kinds[c->state]].level))
		return;
	log_as(state_kinds[c->state], LOG_FIELDS(.crawl = &c->id, .snapshot_id = c->snapshot_id,
	    .stage = crawl_stage_name(stage_of_step(c, from)), .request_id = k->request_id), "%s -> %s%s",
	    crawl_state_name(from), crawl_state_name(c->state), state_details(details, sizeof(details), c));
}

static void
count_step(struct keeper *k, struct job *job, enum crawl_state from)
{
	const struct crawl *c = &job->crawl;
	bool ended = crawl_is_terminal(from), ends = crawl_is_terminal(c->state);

	if (c->state == from)
		return;
	assert(ended || k->counts[from] > 0);
	k->counts[from] -= k->counts[from] > 0;		/* ends are counted since the start */
	k->counts[c->state]++;
	k->live += ended - ends;
	keeper_count_place(k, job, from);
	if (c->state == CRAWL_FAILED)
		keeper_status_failed(k, c);
}

static void
write_row(struct keeper *k, struct job *job, bool with_job)
{
	struct why why;
	int result;

	job->crawl.version++;
	job->crawl.updated_ms = keeper_now(k);
	result = store_crawl_update(k->store, &job->crawl, with_job, &why);
	if (result == -ENOENT)
		(void)why_set(&why, EUCLEAN, "job store: a crawl that was read is gone");
	keeper_must(k, result, &why);
	k->changes++;
	keeper_wake(k);
}

void
keeper_step(struct keeper *k, struct job *job, enum crawl_step step)
{
	struct crawl *c = &job->crawl;
	enum crawl_state from = c->state;
	enum event_type event = EVENT_NONE;
	int drawn = crawl_after(from, step, &c->state, &event);

	assert(drawn == 0 && "a step that model/crawl.h does not draw");
	(void)drawn;
	if (!keeps_failures[step])
		c->failures = 0;
	if (!keeps_failures[step] && !keeps_patience[step])
		c->failing_ms = 0;
	if (crawl_is_terminal(c->state)) {
		c->finished_ms = keeper_now(k);
		c->due_ms = 0;
		c->lease = 0;
		c->note[0] = '\0';
	}
	write_row(k, job, step == STEP_TRIGGERED || step == STEP_ADOPTED || step == STEP_REOPEN);
	if (event != EVENT_NONE)
		keeper_outbox_add(k, job, event);
	count_step(k, job, from);
	log_step(k, c, from);
	keeper_watch_wake(k, job, false);
}

void
keeper_save(struct keeper *k, struct job *job)
{
	write_row(k, job, false);
}

void
keeper_fail(struct keeper *k, struct job *job, enum error_code error, enum crawl_stage stage, const char *text)
{
	struct crawl *c = &job->crawl;

	c->error = error;
	c->stage = stage;
	(void)str_printable(c->error_text, sizeof(c->error_text), text, strlen(text));
	keeper_step(k, job, STEP_FAIL);
}

void
keeper_cancel(struct keeper *k, struct job *job, const char *text)
{
	struct crawl *c = &job->crawl;

	c->error = ERROR_CANCELED;
	c->stage = STAGE_CANCELED;
	(void)str_printable(c->error_text, sizeof(c->error_text), text, strlen(text));
	keeper_step(k, job, STEP_CANCEL);
}

void
keeper_add(struct keeper *k, struct job *job, const char *idempotency_key)
{
	struct crawl *c = &job->crawl;
	enum event_type none;
	struct lease *lease;
	struct why why;

	c->state = CRAWL_ACCEPTED;
	c->version = 1;
	c->created_ms = c->updated_ms = c->due_ms = keeper_now(k);
	c->provider_records = UINT64_MAX;
	lease = keeper_grant_newborn(k, job);
	if (lease != NULL)
		(void)crawl_after(CRAWL_ACCEPTED, STEP_LEASE_TRIGGER, &c->state, &none);
	keeper_must(k, store_crawl_add(k->store, c, &job->request, idempotency_key, &why), &why);
	k->counts[c->state]++;
	k->live++;
	keeper_count_place(k, job, CRAWL_STATE_COUNT);
	k->changes++;
	log_as(KIND_CRAWL_ACCEPTED, LOG_FIELDS(.crawl = &c->id, .stage = crawl_stage_name(STAGE_TRIGGER),
	    .request_id = k->request_id), "accepted%s dataset=%s platform=%s",
	    lease != NULL ? " -> triggering" : "", job->request.dataset_id,
	    platform_of(job->request.platform)->name);
	if (lease != NULL)
		keeper_grant_send(k, job, lease);
	keeper_wake(k);
}
