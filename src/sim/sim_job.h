/*
 * sim_job.h - the ledger: every job that was started, by id and in order.
 *
 *   running -> ready      time passes (job_settle)
 *           -> failed     time passes, the inputs want it so (job_settle)
 *           -> canceled   job_cancel
 *
 * A job's state follows from the virtual clock, so nothing runs in between: who
 * looks at a job settles it first (jobs_find does). Each call costs the same for
 * one job as for 100,000.
 */
#ifndef SIM_JOB_H
#define SIM_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "base/sha256.h"
#include "sim/sim_dataset.h"
#include "sim/sim_settings.h"

#define JOB_ID_SIZE 21		/* "sd_" and 17 characters: 8 of time, ... */
#define JOB_ID_OWN  11		/* ... and from here 9 that only the seed decides */
#define DATASETS_MAX 40

enum job_state { JOB_RUNNING, JOB_READY, JOB_FAILED, JOB_CANCELED };

struct job {
	UT_hash_handle		 hh;
	char			 id[JOB_ID_SIZE];
	enum job_state		 state;
	const struct dataset	*dataset;
	const struct sim_mode	*mode;
	struct job		*next;			/* started after it */
	struct job		*older;			/* same data set, started before it */
	struct job		*run_prev, *run_next;	/* same data set, running */
	int64_t			 created_ms, ended_ms;	/* virtual; ended 0 while running */
	int64_t			 told_ms;		/* when it was created, as the provider tells */
	uint32_t		 inputs;
	uint32_t		 limit_per_input, limit_total;	/* 0: none */
	uint64_t		 records, errors;	/* rows it collects */
	uint64_t		 media;			/* of the generated posts, once downloaded */
	uint64_t		 body_bytes;		/* as last summed ... */
	uint8_t			 body_sha256[SHA256_SIZE];
	uint32_t		 downloads, progress_calls, building_answers;
	bool			 include_errors;
	bool			 fails;			/* ends as failed, whatever it collects */
	bool			 built;			/* the file is there */
	bool			 summed;		/* ... at the first download */
	bool			 expired;
	bool			 answer_lost;
	const char		*input_text;		/* JSON array as submitted */
	const char		*query_text, *agent;	/* of the trigger call */
};

struct sim_jobs {
	struct job	*by_id;
	struct job	*first, *last;
	uint64_t	 count, made;		/* made goes on after a reset */
	struct {
		struct job	*newest, *run_first, *run_last;
		uint32_t	 running;
	} of[DATASETS_MAX];			/* by place in datasets[] */
};

/* What a trigger call asks for; all borrowed. */
struct job_order {
	const struct dataset	*dataset;
	const struct sim_mode	*mode;
	uint32_t		 inputs;
	int64_t			 offset_ms;	/* of the time told */
	const char		*input_text, *query_text, *agent;
};

struct job *jobs_add(struct sim_jobs *, const struct job_order *, uint64_t seed, int64_t now_ms);
/* Settled; NULL when there is none. */
struct job *jobs_find(struct sim_jobs *, const char *id, const struct sim_settings *,
    int64_t now_ms);
/* Jobs of the data set that are running now. */
uint32_t jobs_running(struct sim_jobs *, const struct dataset *, const struct sim_settings *,
    int64_t now_ms);
void jobs_settle_all(struct sim_jobs *, const struct sim_settings *, int64_t now_ms);
/* Forgets all jobs. */
void jobs_clear(struct sim_jobs *);

void job_settle(struct sim_jobs *, struct job *, const struct sim_settings *, int64_t now_ms);
void job_cancel(struct sim_jobs *, struct job *, int64_t now_ms);
/* The status word the provider would say now. */
const char *job_word(const struct job *, const struct sim_settings *, int64_t now_ms);
/* The same where a download is refused: there a job runs until it has ended. */
const char *job_download_word(const struct job *, const struct sim_settings *, int64_t now_ms);
/* A failed job's reason. */
const char *job_failure(const struct job *);
bool job_is_expired(const struct job *, const struct sim_settings *, int64_t now_ms);
/* Records that cost money. */
uint64_t job_billed(const struct job *);
/* Newest job of a data set; older ones by ->older. */
struct job *jobs_newest(const struct sim_jobs *, const struct dataset *);

#endif
