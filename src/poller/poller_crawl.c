/*
 * poller_crawl.c - a task becomes a job, a job makes its call, the answer becomes
 * the result message. One row a kind of task; the long ones have files of their
 * own. What is asked and what an answer means is the provider's row (provider.h).
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "poller/poller.h"

/* ---- trigger ---- */

static bool
trigger_may_send(void *arg)
{
	struct job *job = arg;

	if (poller_is_late(job->poller, &job->task))
		job->held_back = "its time to leave was over";
	else if (!poller_is_given_by_keeper(job->poller, job->given_by))
		job->held_back = "the keeper that gave it is gone";
	return job->held_back == NULL;
}

static void
trigger_on_done(const struct http_answer *answer, void *arg)
{
	struct job *job = arg;
	struct poller *poller = job->poller;
	struct msg_trigger_done done;
	struct verdict verdict;

	job->call = NULL;
	poller->provider->read_trigger(answer, &verdict, done.snapshot_id);
	done.verdict = job_verdict(job, &verdict);
	if (job->held_back != NULL) {		/* by us: it says nothing of the provider */
		done.verdict.error = ERROR_UNAVAILABLE;
		(void)snprintf(done.verdict.text, sizeof(done.verdict.text), "the trigger was not sent: %s",
		    job->held_back);
	}
	(void)str_copy(job->task.crawl.snapshot_id, sizeof(job->task.crawl.snapshot_id),
	    done.snapshot_id);
	if (done.verdict.outcome == OUTCOME_OK)
		job_debug(job, "triggered in %" PRId64 " ms", job_elapsed_ms(job));
	else
		job_log_verdict(job, &done.verdict);
	job_free(job);		/* first: its room is its result's */
	poller_send_trigger_done(poller, &done);
}

static void
trigger_start(struct job *job)
{
	char attempt[128], id[UUID_TEXT_SIZE];
	const char *const headers[] = { "Content-Type: application/json", attempt, NULL };
	struct http_request request;
	struct provider_call call;
	struct json_out body;

	(void)snprintf(attempt, sizeof(attempt), "X-Trawld-Attempt: %s.%" PRIu64,
	    uuid_format(id, &job->task.crawl.id), job->task.lease);
	json_out_init(&body);
	job->poller->provider->ask_trigger(&call, job->poller->base_url, &job->task.request, &body);
	request = poller_request(job->poller, &call, POLLER_TRIGGER_MS);
	request.body = json_out_text(&body, &request.body_len);
	request.headers = headers;
	request.fresh = true;	/* this POST costs money and may leave once */
	request.may_send = trigger_may_send;
	job->call = http_call_start(job->poller->net, &request, trigger_on_done, job);
	json_out_done(&body);
}

/* ---- poll ---- */

/* True the first time a word is met. */
static bool
is_new_word(struct poller *poller, const char *word)
{
	for (unsigned i = 0; i < poller->word_count; i++)
		if (strcmp(poller->words[i], word) == 0)
			return false;
	if (poller->word_count == POLLER_WORDS)
		return false;
	(void)str_copy(poller->words[poller->word_count++], sizeof(poller->words[0]), word);
	return true;
}

static void
poll_on_done(const struct http_answer *answer, void *arg)
{
	struct job *job = arg;
	struct provider_progress progress;
	struct msg_poll_done done;
	struct verdict verdict;

	job->call = NULL;
	job->poller->provider->read_progress(answer, &verdict, &progress);
	done = (struct msg_poll_done){ .verdict = job_verdict(job, &verdict), .records = progress.records };
	(void)str_copy(done.word, sizeof(done.word), progress.word);
	if (progress.is_new && is_new_word(job->poller, done.word))
		job_log(job, KIND_PROVIDER_WORD_NEW,
		    "the provider says \"%s\", a status not known here: taken as running",
		    done.word);
	if (done.verdict.outcome == OUTCOME_WAIT)
		job_debug(job, "the provider says %s", done.word);
	else if (done.verdict.outcome != OUTCOME_OK)
		job_log_verdict(job, &done.verdict);
	else if (done.records == UINT64_MAX)
		job_debug(job, "ready");
	else
		job_debug(job, "ready, %" PRIu64 " records", done.records);
	msg_poll_done_put(&job->poller->out, &done);
	poller_send(job->poller);
	job_free(job);
}

static void
poll_start(struct job *job)
{
	struct provider_call call;
	struct http_request request;

	job_ask(job, job->poller->provider->ask_progress, &call);
	request = poller_request(job->poller, &call, POLLER_CALL_MS);
	job->call = http_call_start(job->poller->net, &request, poll_on_done, job);
}

/* ---- cancel ---- */

static void
cancel_on_done(const struct http_answer *answer, void *arg)
{
	struct job *job = arg;
	struct msg_cancel_done done;
	struct verdict verdict;
	char text[LOG_FOREIGN_SIZE];

	job->call = NULL;
	job->poller->provider->read_cancel(answer, &verdict);
	done.verdict = job_verdict(job, &verdict);
	if (done.verdict.outcome == OUTCOME_OK)
		job_log(job, KIND_PROVIDER_CANCELED, "canceled at the provider%s%s",
		    done.verdict.text[0] != '\0' ? ": " : "",
		    str_printable(text, sizeof(text), done.verdict.text, strlen(done.verdict.text)));
	else
		job_log_verdict(job, &done.verdict);
	msg_cancel_done_put(&job->poller->out, &done);
	poller_send(job->poller);
	job_free(job);
}

static void
cancel_start(struct job *job)
{
	struct provider_call call;
	struct http_request request;

	job_ask(job, job->poller->provider->ask_cancel, &call);
	request = poller_request(job->poller, &call, POLLER_CALL_MS);
	job->call = http_call_start(job->poller->net, &request, cancel_on_done, job);
}

/* ---- store ---- */

static void
store_verdict(struct msg_verdict *verdict, int err, const struct why *why)
{
	switch (err) {
	case 0:
		return;		/* OUTCOME_OK */
	case -ENOENT:
		verdict->outcome = OUTCOME_WAIT;
		str_printable(verdict->text, sizeof(verdict->text), why->text, strlen(why->text));
		return;
	case -EEXIST:
	case -EINVAL:
		download_disk_verdict(verdict, err, why);
		verdict->outcome = OUTCOME_FAILED;
		return;
	default:
		download_disk_verdict(verdict, err, why);
	}
}

static void
store_on_done(int err, const struct why *why, void *arg)
{
	struct job *job = arg;
	struct msg_store_done done = { .verdict = job_verdict(job, NULL) };

	job->put = NULL;
	store_verdict(&done.verdict, err, why);
	if (done.verdict.outcome == OUTCOME_OK)
		job_debug(job, "stored in %" PRId64 " ms", job_elapsed_ms(job));
	else if (done.verdict.outcome == OUTCOME_WAIT)
		job_log(job, KIND_SPOOL_UNSOUND, "%s; downloading it again", why->text);
	else
		job_log_verdict(job, &done.verdict);
	msg_store_done_put(&job->poller->out, &done);
	poller_send(job->poller);
	job_free(job);
}

static void
store_start(struct job *job)
{
	const struct crawl *crawl = &job->task.crawl;
	struct objstore_request request = {
		.path = crawl->object_path,
		.spool = job->poller->dirs.spool,
		.name = spool_name(job->spool_file, &crawl->id, 0),
		.size = crawl->size_bytes,
		.crc32c = crawl->crc32c,
	};

	memcpy(request.sha256, crawl->sha256, SHA256_SIZE);
	job->put = objstore_put(job->poller->objects, &request, store_on_done, job);
}

/* ---- tasks ---- */

static const struct kind {
	void	(*start)(struct job *);
	bool	 transfer;	/* else a call */
	bool	 needs_snapshot;
} kinds[TASK_KIND_COUNT] = {
	[TASK_TRIGGER]   = { trigger_start, false, false },
	[TASK_POLL]      = { poll_start, false, true },
	[TASK_DOWNLOAD]  = { download_start, true, true },
	[TASK_STORE]     = { store_start, true, false },
	[TASK_CANCEL]    = { cancel_start, false, true },
};

static unsigned *
room_of(struct poller *poller, enum task_kind kind)
{
	return kinds[kind].transfer ? &poller->transfers : &poller->calls;
}

bool
job_start(struct poller *poller, const struct msg_task *task)
{
	unsigned *running = room_of(poller, task->kind);
	struct job *job;

	if (kinds[task->kind].start == NULL ||
	    *running >= (kinds[task->kind].transfer ? POLLER_TRANSFERS : POLLER_CALLS_MAX))
		return false;
	if (task->kind == TASK_TRIGGER && !kept_has_room(poller))
		return false;
	if (kinds[task->kind].needs_snapshot && snapshot_id_check(task->crawl.snapshot_id) < 0) {
		log_as(KIND_TASK_UNUSABLE, LOG_FIELDS(.crawl = &task->crawl.id),
		    "a task of the keeper names no snapshot; it is returned");
		return false;
	}
	job = xcalloc(1, sizeof(*job));
	job->poller = poller;
	job->room = running;
	job->task = *task;
	job->given_by = poller->keeper_serial;
	job->started_mono_ms = clock_mono_ms(poller->clock);
	LIST_INSERT_HEAD(&poller->jobs, job, link);
	++*running;
	poller->triggers += job_is_trigger(job);
	kinds[task->kind].start(job);
	return true;
}
