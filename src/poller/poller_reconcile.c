/*
 * poller_reconcile.c - did that trigger make a job? Reads the provider's whole list
 * around the moment, page by page, then the input of every job in the window, and
 * reports those that were given ours, oldest first. Whose they are is the
 * keeper's to know.
 *
 * "Nothing found" lets the keeper pay again, so it is only said after everything
 * was read; whatever could not be read makes it "try again".
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "poller/brightdata.h"
#include "poller/poller.h"

#define WINDOW_BEFORE_MS  (2 * 60000)
#define WINDOW_AFTER_MS	  (10 * 60000)
#define PAGES_MAX	  20
#define CANDIDATES_MAX	  500
#define LOOKS		  4		/* inputs being read at a time */
#define DEADLINE_MS	  60000

struct look {
	struct reconcile *owner;
	struct http_call *call;
	unsigned	 candidate;
};

struct reconcile {
	struct job	*job;
	struct http_call *list;
	unsigned	 pages, skip, limit;
	struct brightdata_job candidates[CANDIDATES_MAX];
	unsigned	 count, next, unreadable;
	bool		 same[CANDIDATES_MAX];
	struct look	 looks[LOOKS];
	struct msg_reconcile_done done;
};

static void ask_list(struct reconcile *);

void
reconcile_free(struct reconcile *r)
{
	if (r == NULL)
		return;
	http_call_cancel(r->list);
	for (unsigned i = 0; i < LOOKS; i++)
		http_call_cancel(r->looks[i].call);
	free(r);
}

/* Ends the job with the verdict in done. */
static void
finish(struct reconcile *r)
{
	struct job *job = r->job;

	if (r->done.verdict.outcome == OUTCOME_OK)
		job_log(job, KIND_RECONCILE_LOOKED,
		    "reconciled: %u jobs of the provider in the window, %u with this input",
		    r->count, r->done.count);
	else
		job_log_verdict(job, &r->done.verdict);
	msg_reconcile_done_put(&job->poller->out, &r->done);
	poller_send(job->poller);
	job_free(job);
}

static void
finish_retry(struct reconcile *r, enum error_code error, const char *text)
{
	r->done.verdict.outcome = OUTCOME_RETRY;
	r->done.verdict.error = error;
	(void)str_copy(r->done.verdict.text, sizeof(r->done.verdict.text), text);
	finish(r);
}

/* ---- inputs ---- */

/* How far from the moment of our trigger; a job of unknown age is farthest. */
static int64_t
distance(const struct reconcile *r, unsigned candidate)
{
	int64_t created = r->candidates[candidate].created_ms;
	int64_t intent = r->job->task.crawl.intent_ms;

	if (created == INT64_MIN)
		return INT64_MAX;
	return created > intent ? created - intent : intent - created;
}

/* Of more matches than the message holds, those nearest to our trigger stay: the
 * others are more likely those of other crawls with the same input. */
static void
thin_out(struct reconcile *r)
{
	unsigned matches = 0, farthest;

	for (unsigned i = 0; i < r->count; i++)
		matches += r->same[i];
	for (; matches > RECONCILE_MATCHES; matches--) {
		farthest = r->count;
		for (unsigned i = 0; i < r->count; i++)
			if (r->same[i] && (farthest == r->count ||
			    distance(r, i) > distance(r, farthest)))
				farthest = i;
		r->same[farthest] = false;
	}
}

static void
gather(struct reconcile *r)
{
	thin_out(r);
	r->done.verdict.outcome = OUTCOME_OK;
	r->done.verdict.error = ERROR_NONE;
	r->done.verdict.text[0] = '\0';
	for (unsigned i = 0; i < r->count; i++)
		if (r->same[i])
			(void)str_copy(r->done.snapshot_id[r->done.count++], SNAPSHOT_ID_SIZE,
			    r->candidates[i].snapshot_id);
}

static void look_on_done(const struct http_answer *, void *);

static void
look_at(struct reconcile *r, struct look *look, unsigned candidate)
{
	char url[BRIGHTDATA_URL_SIZE];
	struct http_request request = job_request(r->job, "GET",
	    brightdata_snapshot_url(url, r->job->poller->conf->brightdata_base_url,
	    BRIGHTDATA_INPUT, r->candidates[candidate].snapshot_id), POLLER_CALL_MS);

	look->owner = r;
	look->candidate = candidate;
	look->call = http_call_start(r->job->poller->net, &request, look_on_done, look);
}

/* Keeps LOOKS calls going; true when nothing is left to read. */
static bool
look_on(struct reconcile *r)
{
	bool idle = true;

	for (unsigned i = 0; i < LOOKS; i++) {
		if (r->looks[i].call == NULL && r->next < r->count)
			look_at(r, &r->looks[i], r->next++);
		idle = idle && r->looks[i].call == NULL;
	}
	return idle;
}

static void
look_further(struct reconcile *r)
{
	if (!look_on(r))
		return;
	gather(r);
	if (r->done.count == 0 && r->unreadable > 0)
		finish_retry(r, ERROR_BRIGHTDATA_UNAVAILABLE,
		    "no job with this input was found, but the input of some jobs could not be read");
	else
		finish(r);
}

/* The provider's word about this one job, not about us or the moment. */
static bool
is_about_the_job(const struct http_answer *answer)
{
	return answer->verdict == NET_ANSWERED &&
	    (answer->status == 200 || answer->status == 400 || answer->status == 404);
}

static void
look_on_done(const struct http_answer *answer, void *arg)
{
	struct look *look = arg;
	struct reconcile *r = look->owner;
	enum brightdata_match match;

	look->call = NULL;
	match = brightdata_read_input(answer, &r->job->task.request, &r->done.verdict);
	if (match == BRIGHTDATA_UNREADABLE &&
	    (!is_about_the_job(answer) || r->done.verdict.outcome != OUTCOME_RETRY)) {
		finish(r);
		return;
	}
	r->same[look->candidate] = match == BRIGHTDATA_SAME;
	r->unreadable += match == BRIGHTDATA_UNREADABLE;
	look_further(r);
}

/* ---- the list ---- */

static int
oldest_first(const void *a, const void *b)
{
	const struct brightdata_job *x = a, *y = b;

	return x->created_ms < y->created_ms ? -1 : x->created_ms > y->created_ms;
}

static void
list_on_done(const struct http_answer *answer, void *arg)
{
	struct reconcile *r = arg;
	const struct crawl *crawl = &r->job->task.crawl;
	unsigned rows;

	r->list = NULL;
	if (answer->verdict == NET_STOPPED && r->limit > 1) {
		r->limit /= 2;		/* long rows: the same place again, fewer at a time */
		ask_list(r);
		return;
	}
	if (!brightdata_read_list(answer, crawl->intent_ms - WINDOW_BEFORE_MS,
	    crawl->intent_ms + WINDOW_AFTER_MS,
	    r->candidates, CANDIDATES_MAX, &r->count, &rows, &r->done.verdict)) {
		if (r->done.verdict.outcome == OUTCOME_OK)
			finish_retry(r, ERROR_BRIGHTDATA_UNAVAILABLE,
			    "too many jobs in the window to compare them all");
		else
			finish(r);
		return;
	}
	r->skip += rows;
	if (rows >= r->limit) {
		ask_list(r);
		return;
	}
	qsort(r->candidates, r->count, sizeof(r->candidates[0]), oldest_first);
	look_further(r);
}

static void
ask_list(struct reconcile *r)
{
	const struct msg_task *task = &r->job->task;
	char url[BRIGHTDATA_URL_SIZE];
	struct http_request request;

	if (r->pages++ == PAGES_MAX) {
		finish_retry(r, ERROR_BRIGHTDATA_UNAVAILABLE,
		    "the provider's list of jobs is too long to read");
		return;
	}
	request = job_request(r->job, "GET", brightdata_list_url(url,
	    r->job->poller->conf->brightdata_base_url, task->request.dataset_id,
	    task->crawl.intent_ms, r->skip, r->limit), POLLER_CALL_MS);
	request.body_max = BRIGHTDATA_LIST_MAX;
	r->list = http_call_start(r->job->poller->net, &request, list_on_done, r);
}

static void
reconcile_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct job *job = arg;

	(void)fd, (void)what;
	finish_retry(job->reconcile, ERROR_BRIGHTDATA_TIMEOUT,
	    "the provider's jobs could not be compared in time");
}

void
reconcile_start(struct job *job)
{
	struct reconcile *r = xcalloc(1, sizeof(*r));

	job->reconcile = r;
	r->job = job;
	r->limit = BRIGHTDATA_LIST_LIMIT;
	r->done.verdict = job_verdict(job);
	job->turn = evtimer_new(job->poller->base, reconcile_on_deadline, job);
	loop_timer_in(job->turn, DEADLINE_MS);
	ask_list(r);
}
