/*
 * poller_download.c - the download task: the provider's answer runs through
 * download.c into the spool. A whole file that an earlier life left behind is read
 * instead. The keeper hears of the first bytes and, while more come, of their number: so
 * it knows that the provider has answered, and the lease holds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "poller/poller.h"
#include "provider/answer.h"

#define BEAT_MS 5000

static void begin(struct job *);

/* As the keeper will tell it of the crawl. */
static const char *
warning_of(const struct job *job, const struct msg_download_done *done, char dst[CRAWL_WARNING_SIZE])
{
	struct crawl crawl = job->task.crawl;

	crawl.posts = done->posts;
	crawl.errors = done->errors;
	crawl.others = done->others;
	return crawl_warning(&crawl, dst);
}

static void
send_result(struct job *job, struct msg_download_done *done)
{
	char warning[CRAWL_WARNING_SIZE];

	if (done->verdict.outcome != OUTCOME_OK) {
		job_log_verdict(job, &done->verdict);
	} else {
		job_log(job, KIND_SNAPSHOT_DOWNLOADED,
		    "downloaded %" PRIu64 " bytes in %" PRId64 " ms: posts=%" PRIu64
		    " media=%" PRIu64 " errors=%" PRIu64 " others=%" PRIu64, done->size_bytes,
		    job_elapsed_ms(job), done->posts, done->media, done->errors, done->others);
		if (warning_of(job, done, warning) != NULL)
			job_log(job, KIND_COUNT_DIFFERS, "%s", warning);
	}
	msg_download_done_put(&job->poller->out, done);
	poller_send(job->poller);
	job_free(job);
}

static void
tell_progress(struct job *job)
{
	struct msg_task_progress progress = {
		job->task.lease, job->task.crawl.id,
		job->download != NULL ? download_bytes(job->download) : 0,
	};

	if (progress.bytes == job->told_bytes)
		return;
	job->told_bytes = progress.bytes;
	msg_task_progress_put(&job->poller->out, &progress);
	poller_send(job->poller);
}

/* ---- from the provider ---- */

/* The first bytes are told at once: from then on the provider has let this call through. */
static int
download_on_data(const void *p, size_t len, void *arg)
{
	struct job *job = arg;

	if (job->told_bytes == 0)
		job->disk_error = download_ask_room(job->download, http_call_content_length(job->call), &job->disk_why);
	if (job->disk_error == 0)
		job->disk_error = download_feed(job->download, p, len, &job->disk_why);
	if (job->told_bytes == 0)
		tell_progress(job);
	return job->disk_error < 0;
}

static void
download_on_done(const struct http_answer *answer, void *arg)
{
	struct job *job = arg;
	struct msg_download_done done = { .size_bytes = 0 };
	struct download *download = take_ptr(job->download);
	struct verdict verdict = { .text = "" };
	bool empty = false;

	job->call = NULL;
	answer_note(answer, &verdict);
	done.verdict = job_verdict(job, &verdict);
	if (job->disk_error < 0) {
		download_disk_verdict(&done.verdict, job->disk_error, &job->disk_why);
		if (job->disk_error == -ENOSPC)
			done.verdict.error = ERROR_DISK_FULL;	/* all downloads wait for room */
		download_drop(download);
	} else if (answer->verdict == NET_ANSWERED && answer->status == 200) {
		download_end(download, &done);
		if (done.verdict.outcome == OUTCOME_WAIT && answer_wait_ms(answer) > done.verdict.retry_after_ms)
			done.verdict.retry_after_ms = answer_wait_ms(answer);
		download_free(download);
	} else {
		job->poller->provider->read_data(answer, &verdict, &empty);
		done.verdict = job_verdict(job, &verdict);
		if (empty) {
			download_empty(download, &done);
			download_free(download);
		} else {
			download_drop(download);
		}
	}
	send_result(job, &done);
}

static void
fetch(struct job *job)
{
	struct provider_call call;
	struct http_request request;

	job_ask(job, job->poller->provider->ask_data, &call);
	request = poller_request(job->poller, &call, 0);
	request.stall_ms = job->poller->conf->background_download_timeout_ms;
	request.on_data = download_on_data;
	job->call = http_call_start(job->poller->net, &request, download_on_done, job);
}

/* ---- from an earlier life ---- */

static void
verify_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct job *job = arg;
	struct msg_download_done done = { .verdict = job_verdict(job, NULL) };

	(void)fd, (void)what;
	if (!download_verify(job->download, &done)) {
		loop_timer_in(job->turn, 0);
		return;
	}
	download_free(job->download);
	job->download = NULL;
	if (done.verdict.outcome != OUTCOME_WAIT) {
		job_log(job, KIND_SNAPSHOT_FOUND,
		    "was downloaded already, the spool file was read again");
		send_result(job, &done);
		return;
	}
	job_log(job, KIND_SPOOL_UNSOUND, "%s", done.verdict.text);
	begin(job);
}

/* ---- both ---- */

static void
beat_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct job *job = arg;

	(void)fd, (void)what;
	tell_progress(job);
	loop_timer_in(job->beat, BEAT_MS);
}

static void
begin(struct job *job)
{
	enum download_start start;
	struct why why;
	int rc = download_open(&job->poller->dirs, job->poller->provider, &job->task.crawl, job->task.lease,
	    job->task.request.platform, &job->download, &start, &why);

	if (rc < 0) {
		struct msg_download_done done = { .verdict = job_verdict(job, NULL) };

		download_disk_verdict(&done.verdict, rc, &why);
		send_result(job, &done);
		return;
	}
	if (start == DOWNLOAD_NEW) {
		fetch(job);
		return;
	}
	if (job->turn == NULL)
		job->turn = evtimer_new(job->poller->base, verify_on_turn, job);
	loop_timer_in(job->turn, 0);
}

void
download_start(struct job *job)
{
	job->beat = evtimer_new(job->poller->base, beat_on_turn, job);
	loop_timer_in(job->beat, BEAT_MS);
	begin(job);
}
