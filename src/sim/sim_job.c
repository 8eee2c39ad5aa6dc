/*
 * sim_job.c - owns the jobs. One allocation holds a job and its texts. Running
 * jobs of a data set hang in a list in the order in which they will end, so the
 * cap is checked by looking at its head.
 */
#include "sim/sim_job.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sim_random.h"

#define DAY_MS INT64_C(86400000)

static size_t
place_of(const struct dataset *d)
{
	size_t place = (size_t)(d - datasets);

	assert(place < dataset_count && dataset_count <= DATASETS_MAX);
	return place;
}

/* As the provider's ids are made, by all that were seen with the time of their job
 * (s_mgp6kcyu28lbyl8rx9: 2025-10-13T13:40:09Z): milliseconds to the base of 36, then
 * random letters. So they grow with time, and whoever keeps them in order writes at
 * one end. */
static void
id_make(char dst[JOB_ID_SIZE], uint64_t seed, uint64_t number, int64_t now_ms)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct sim_random r = random_for(seed, "job", number);
	uint64_t left = now_ms > 0 ? (uint64_t)now_ms : 0;

	memcpy(dst, "sd_", 3);
	for (int i = JOB_ID_OWN - 1; i >= 3; i--) {
		dst[i] = digits[left % 36];
		left /= 36;
	}
	for (int i = JOB_ID_OWN; i < JOB_ID_SIZE - 1; i++)
		dst[i] = digits[random_below(&r, sizeof digits - 1)];
	dst[JOB_ID_SIZE - 1] = '\0';
}

static const char *
text_put(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *put = memcpy(*at, text, size);

	*at += size;
	return put;
}

struct job *
jobs_add(struct sim_jobs *jobs, const struct job_order *order, uint64_t seed, int64_t now_ms)
{
	size_t place = place_of(order->dataset);
	struct job *job;
	char *at;

	job = xcalloc(1, sizeof *job + strlen(order->input_text) + strlen(order->query_text) +
	    strlen(order->agent) + 3);
	at = (char *)(job + 1);
	job->input_text = text_put(&at, order->input_text);
	job->query_text = text_put(&at, order->query_text);
	job->agent = text_put(&at, order->agent);
	job->dataset = order->dataset;
	job->mode = order->mode;
	job->inputs = order->inputs;
	job->created_ms = now_ms;
	job->told_ms = now_ms + order->offset_ms;
	id_make(job->id, seed, jobs->made++, job->told_ms);
	HASH_ADD_STR(jobs->by_id, id, job);
	if (jobs->last)
		jobs->last->next = job;
	else
		jobs->first = job;
	jobs->last = job;
	jobs->count++;
	job->older = jobs->of[place].newest;
	jobs->of[place].newest = job;
	job->run_prev = jobs->of[place].run_last;
	if (job->run_prev)
		job->run_prev->run_next = job;
	else
		jobs->of[place].run_first = job;
	jobs->of[place].run_last = job;
	jobs->of[place].running++;
	return job;
}

/* Every way out of "running" goes through here. */
static void
job_end(struct sim_jobs *jobs, struct job *job, enum job_state state, int64_t ended_ms)
{
	size_t place = place_of(job->dataset);

	assert(job->state == JOB_RUNNING && state != JOB_RUNNING);
	if (job->run_prev)
		job->run_prev->run_next = job->run_next;
	else
		jobs->of[place].run_first = job->run_next;
	if (job->run_next)
		job->run_next->run_prev = job->run_prev;
	else
		jobs->of[place].run_last = job->run_prev;
	job->run_prev = job->run_next = NULL;
	jobs->of[place].running--;
	job->state = state;
	job->ended_ms = ended_ms;
}

static int64_t
ends_at(const struct job *job, const struct sim_settings *set)
{
	return job->created_ms + (int64_t)(set->ready_after * 1000);
}

void
job_settle(struct sim_jobs *jobs, struct job *job, const struct sim_settings *set, int64_t now_ms)
{
	bool nothing = job->records == 0 && job->errors == 0;

	if (job->state != JOB_RUNNING || now_ms < ends_at(job, set))
		return;
	job_end(jobs, job, job->fails || (nothing && set->empty == EMPTY_FAILED) ? JOB_FAILED : JOB_READY,
	    ends_at(job, set));
}

void
job_cancel(struct sim_jobs *jobs, struct job *job, int64_t now_ms)
{
	job->records = 0;
	job->errors = job->inputs;
	job_end(jobs, job, JOB_CANCELED, now_ms);
}

struct job *
jobs_find(struct sim_jobs *jobs, const char *id, const struct sim_settings *set, int64_t now_ms)
{
	struct job *job;

	HASH_FIND_STR(jobs->by_id, id, job);
	if (job)
		job_settle(jobs, job, set, now_ms);
	return job;
}

uint32_t
jobs_running(struct sim_jobs *jobs, const struct dataset *d, const struct sim_settings *set,
    int64_t now_ms)
{
	size_t place = place_of(d);
	struct job *head;

	while ((head = jobs->of[place].run_first) && now_ms >= ends_at(head, set))
		job_settle(jobs, head, set, now_ms);
	return jobs->of[place].running;
}

void
jobs_settle_all(struct sim_jobs *jobs, const struct sim_settings *set, int64_t now_ms)
{
	for (size_t i = 0; i < dataset_count; i++)
		(void)jobs_running(jobs, &datasets[i], set, now_ms);
}

void
jobs_clear(struct sim_jobs *jobs)
{
	uint64_t made = jobs->made;
	struct job *next;

	HASH_CLEAR(hh, jobs->by_id);
	for (struct job *job = jobs->first; job; job = next) {
		next = job->next;
		free(job);
	}
	memset(jobs, 0, sizeof *jobs);
	jobs->made = made;
}

struct job *
jobs_newest(const struct sim_jobs *jobs, const struct dataset *d)
{
	return jobs->of[place_of(d)].newest;
}

/* starting (a tenth, two seconds at most), running, closing (the last twentieth). */
static const char *
running_word(int64_t passed, int64_t total, enum sim_vocabulary vocabulary)
{
	int64_t start = total / 10 < 2000 ? total / 10 : 2000;

	if (vocabulary == VOCABULARY_COLLECTING)
		return passed < total * 3 / 4 ? "collecting" : "digesting";
	if (passed < start)
		return "starting";
	return passed < total - total / 20 ? "running" : "closing";
}

const char *
job_word(const struct job *job, const struct sim_settings *set, int64_t now_ms)
{
	switch (job->state) {
	case JOB_READY:
		return "ready";
	case JOB_FAILED:
		return "failed";
	case JOB_CANCELED:
		return "canceled";
	case JOB_RUNNING:
		break;
	}
	return running_word(now_ms - job->created_ms, (int64_t)(set->ready_after * 1000),
	    (enum sim_vocabulary)set->vocabulary);
}

/* "closing" was seen in progress only; official clients, which poll the download, would
 * take an answer with any word but these for the data. */
const char *
job_download_word(const struct job *job, const struct sim_settings *set, int64_t now_ms)
{
	const char *word = job_word(job, set, now_ms);

	return job->state != JOB_RUNNING || strcmp(word, "starting") == 0 ? word : "running";
}

const char *
job_failure(const struct job *job)
{
	return job->fails ? "Something went wrong. Our team is looking into it." : "Snapshot is empty";
}

bool
job_is_expired(const struct job *job, const struct sim_settings *set, int64_t now_ms)
{
	return job->expired || now_ms - job->created_ms >= set->retention_days * DAY_MS;
}

uint64_t
job_billed(const struct job *job)
{
	return job->state == JOB_READY ? job->records : 0;
}
