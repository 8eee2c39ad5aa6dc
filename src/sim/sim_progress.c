/*
 * sim_progress.c - what one job is doing, and stopping it.
 */
#include "sim/sim.h"

struct job *
call_job(struct call *call)
{
	struct sim *sim = call->sim;
	struct job *job = jobs_find(&sim->jobs, call->id, &sim->set, sim_clock_now(&sim->clock));

	if (!job)
		answer_text(&call->answer, 404, "Snapshot does not exist");
	return job;
}

static void
write_error_codes(struct json_out *o, const struct job *job)
{
	if (job->errors == 0)
		return;
	json_out_key(o, "error_codes");
	json_out_open(o);
	json_out_member_int(o, job->state == JOB_CANCELED ? "aborted_page" : "dead_page",
	    (int64_t)job->errors);
	json_out_close(o);
}

/* What is known of a job that has ended. */
static void
write_outcome(struct json_out *o, const struct job *job)
{
	int64_t took = job->ended_ms - job->created_ms;

	if (job->state == JOB_FAILED) {
		json_out_member(o, "error_message", job_failure(job));
		return;
	}
	write_error_codes(o, job);
	json_out_member_int(o, "records", (int64_t)job->records);
	json_out_member_int(o, "errors", (int64_t)job->errors);
	if (job->state != JOB_READY)
		return;
	json_out_member_int(o, "collection_duration", took);
	json_out_member_int(o, "avg_duration_per_input", took / (job->inputs ? job->inputs : 1));
}

void
sim_on_progress(struct call *call)
{
	struct sim *sim = call->sim;
	struct job *job = call_job(call);
	int64_t now = sim_clock_now(&sim->clock);
	const char *word;
	struct json_out o;

	if (!job)
		return;
	job->progress_calls++;
	word = job_word(job, &sim->set, now);
	json_out_init(&o);
	json_out_open(&o);
	json_out_member(&o, "status", word);
	json_out_member(&o, "snapshot_id", job->id);
	json_out_member(&o, "dataset_id", job->dataset->id);
	if (job->state != JOB_RUNNING)
		write_outcome(&o, job);
	else if (word[0] != 's')	/* "starting" has no time yet */
		json_out_member_int(&o, "running_time", now - job->created_ms);
	json_out_close(&o);
	answer_json(&call->answer, 200, &o);
}

void
sim_on_cancel(struct call *call)
{
	struct sim *sim = call->sim;
	struct job *job = call_job(call);

	if (!job)
		return;
	if (job->state != JOB_RUNNING) {
		answer_text(&call->answer, 400, "Snapshot is not running");
		return;
	}
	job_cancel(&sim->jobs, job, sim_clock_now(&sim->clock));
	answer_text(&call->answer, 200, "OK");
}
