/*
 * poller_job.c - what jobs and searches have in common: the line to the keeper, requests,
 * what is logged of a result.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "poller/poller.h"

#define TELL_MS 1000

/* ---- the keeper ---- */

void
poller_send(struct poller *poller)
{
	if (poller->keeper != NULL && peer_is_open(poller->keeper))
		peer_send(poller->keeper, &poller->out);
}

bool
poller_is_late(const struct poller *poller, const struct msg_task *task)
{
	return task->valid_boot_ms != 0 && clock_boot_ms(poller->clock) > task->valid_boot_ms;
}

bool
poller_is_given_by_keeper(const struct poller *poller, uint64_t serial)
{
	struct pollfd far = { .fd = poller->keeper_fd };

	if (poller->keeper == NULL || serial != poller->keeper_serial || !peer_is_open(poller->keeper))
		return false;
	/* Tasks of a dead keeper are read before the end of its stream is. */
	return poll(&far, 1, 0) == 0;
}

/* ---- the job ---- */

bool
job_is_trigger(const struct job *job)
{
	return job->task.kind == TASK_TRIGGER;
}

int64_t
job_elapsed_ms(const struct job *job)
{
	return clock_mono_ms(job->poller->clock) - job->started_mono_ms;
}

struct msg_verdict
job_verdict(const struct job *job, const struct verdict *said)
{
	struct msg_verdict verdict = { .lease = job->task.lease, .crawl_id = job->task.crawl.id };

	if (said != NULL)
		msg_verdict_set(&verdict, said);
	return verdict;
}

struct http_request
poller_request(const struct poller *poller, const struct provider_call *call, int64_t timeout_ms)
{
	return (struct http_request){
		.method = call->method,
		.url = call->url,
		.bearer = poller->conf->brightdata_api_key,
		.timeout_ms = timeout_ms,
		.body_max = call->answer_max,
		.proxy = poller->conf->provider_proxy,
		.ca_file = poller->conf->provider_ca_file,
		.is_whole = call->is_whole,
	};
}

void
job_ask(const struct job *job, provider_ask_fn *ask, struct provider_call *ret)
{
	ask(ret, job->poller->conf->brightdata_base_url, job->task.crawl.snapshot_id);
}

struct log_fields
job_fields(const struct job *job)
{
	return (struct log_fields){
		.crawl = &job->task.crawl.id,
		.snapshot_id = job->task.crawl.snapshot_id,
		.stage = crawl_stage_name(task_stage(job->task.kind)),
	};
}

/* True for one line a second, which names the number of the others. */
static bool
is_time_to_tell(struct poller *poller, char *dst, size_t size)
{
	int64_t now = clock_mono_ms(poller->clock);

	if (poller->told_mono_ms != 0 && now - poller->told_mono_ms < TELL_MS) {
		poller->untold++;
		return false;
	}
	if (poller->untold > 0)
		(void)snprintf(dst, size, " (and %u more like it)", poller->untold);
	poller->told_mono_ms = now;
	poller->untold = 0;
	return true;
}

static const char *
said(char dst[LOG_FOREIGN_SIZE], const struct msg_verdict *verdict)
{
	return str_printable(dst, LOG_FOREIGN_SIZE, verdict->text, strlen(verdict->text));
}

void
job_log_verdict(const struct job *job, const struct msg_verdict *verdict)
{
	/* Without a kind: what happens all the time. Often: every crawl meets it at once. */
	static const struct {
		enum log_kind_id kind;
		bool		 often;
		const char	*came_to;
	} words[OUTCOME_COUNT] = {
		[OUTCOME_OK]       = { KIND_COUNT, false, "done" },
		[OUTCOME_WAIT]     = { KIND_COUNT, false, "not yet" },
		[OUTCOME_RETRY]    = { KIND_CALL_RETRIED, true, "failed for now" },
		[OUTCOME_LIMITED]  = { KIND_CALL_LIMITED, true, "held by the provider's rate limit" },
		[OUTCOME_BUSY]     = { KIND_CALL_HELD, true, "held: its data set has too many jobs" },
		[OUTCOME_UNKNOWN]  = { KIND_CALL_UNCLEAR, false, "outcome unknown" },
		[OUTCOME_AUTH]     = { KIND_PROVIDER_KEY_REFUSED, true, "refused: see to the key, the account or the address" },
		[OUTCOME_FAILED]   = { KIND_CALL_REFUSED, false, "failed" },
		[OUTCOME_CANCELED] = { KIND_PROVIDER_CANCELED, false, "canceled" },
	};
	enum log_kind_id kind = words[verdict->outcome].kind;
	const char *came_to = words[verdict->outcome].came_to, *task = task_name(job->task.kind);
	const char *colon = verdict->text[0] != '\0' ? ": " : "";
	char untold[48] = "", text[LOG_FOREIGN_SIZE];

	if (kind == KIND_COUNT ||
	    (words[verdict->outcome].often && !is_time_to_tell(job->poller, untold, sizeof(untold))))
		job_debug(job, "%s: %s%s%s", task, came_to, colon, said(text, verdict));
	else
		job_log(job, kind, "%s: %s%s%s%s", task, came_to, colon, said(text, verdict), untold);
}

void
job_free(struct job *job)
{
	http_call_cancel(job->call);
	objstore_cancel(job->poller->objects, job->put);
	download_drop(job->download);
	if (job->turn != NULL)
		event_free(job->turn);
	if (job->beat != NULL)
		event_free(job->beat);
	LIST_REMOVE(job, link);
	--*job->room;
	job->poller->triggers -= job_is_trigger(job);
	free(job);
}
