/*
 * keeper_crawl.c - a crawl's steps. keeper_step() is the one place where a state
 * changes: it asks the table in model/crawl.h, writes the row and the event in the
 * open transaction, counts, logs, and wakes the requests that wait.
 *
 * It decides nothing: when to make which step is keeper_request.c's (clients),
 * keeper_result.c's (the provider) and keeper_lease.c's (pollers).
 */
#include "keeper/keeper.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

/* Steps that go on with the same attempt: failures in a row are counted over them. */
static const bool keeps_failures[CRAWL_STEP_COUNT] = {
	[STEP_LEASE_TRIGGER] = true,
	[STEP_NOT_SENT] = true,
	[STEP_LEASE_DOWNLOAD] = true,
};

void
keeper_must(struct keeper *k, int result, const struct why *why)
{
	(void)k;
	if (result < 0)
		fatal(EXIT_STATUS_FAILURE, "%s; the next keeper reads what is on disk", why->text);
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
	if (c->state != CRAWL_COMPLETED)
		return;
	if (k->conf->storage_backend == STORAGE_GCP)
		(void)snprintf(dst, size, "gs://%s/%s", k->conf->gcs_bucket_raw_data, c->object_path);
	else
		(void)snprintf(dst, size, "file://%s/objects/%s", k->conf->data_dir, c->object_path);
}

static void
log_step(const struct crawl *c, enum crawl_state from)
{
	char id[UUID_TEXT_SIZE];
	bool ended_badly = c->state == CRAWL_FAILED;

	if (c->state == from)
		return;
	log_line(ended_badly ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "crawl=%s %s -> %s%s%s%s%s%s%s",
	    uuid_format(id, &c->id), crawl_state_name(from), crawl_state_name(c->state),
	    c->snapshot_id[0] != '\0' ? " snapshot=" : "", c->snapshot_id,
	    c->error != ERROR_NONE ? " " : "", c->error != ERROR_NONE ? error_info(c->error)->name : "",
	    c->error_text[0] != '\0' ? ": " : "", c->error_text);
}

static void
count_step(struct keeper *k, const struct crawl *c, enum crawl_state from)
{
	if (c->state == from)
		return;
	assert(k->counts[from] > 0);
	k->counts[from]--;
	k->counts[c->state]++;
	if (crawl_is_terminal(c->state))
		k->live--;
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
	if (crawl_is_terminal(c->state)) {
		c->finished_ms = keeper_now(k);
		c->due_ms = 0;
		c->lease = 0;
		c->note[0] = '\0';
	}
	write_row(k, job, step == STEP_TRIGGERED || step == STEP_ADOPTED);
	if (event != EVENT_NONE)
		keeper_outbox_add(k, job, event);
	count_step(k, c, from);
	log_step(c, from);
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
	char id[UUID_TEXT_SIZE];
	struct why why;

	c->state = CRAWL_ACCEPTED;
	c->version = 1;
	c->created_ms = c->updated_ms = c->due_ms = keeper_now(k);
	c->provider_records = UINT64_MAX;
	lease = keeper_lease_newborn(k, job);
	if (lease != NULL)
		(void)crawl_after(CRAWL_ACCEPTED, STEP_LEASE_TRIGGER, &c->state, &none);
	keeper_must(k, store_crawl_add(k->store, c, &job->request, idempotency_key, &why), &why);
	k->counts[c->state]++;
	k->live++;
	k->changes++;
	log_info("crawl=%s accepted%s dataset=%s platform=%s", uuid_format(id, &c->id),
	    lease != NULL ? " -> triggering" : "", job->request.dataset_id,
	    platform_of(job->request.platform)->name);
	if (lease != NULL)
		keeper_lease_send(k, job, lease);
	keeper_wake(k);
}
