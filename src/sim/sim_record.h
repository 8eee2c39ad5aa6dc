/*
 * sim_record.h - makes the rows of a job's snapshot, from the seed, the job and
 * its inputs alone: every download of a snapshot is the same text.
 *
 * An input's address may hold a word that decides what becomes of it:
 *   dead-page   one error row        empty   no row at all
 *   fail        the whole job fails  mixed   error and warning rows among good ones
 * Otherwise jobs of RECORD_NOISE_FROM rows and more get 2 % error rows and 1 %
 * good rows with "error":null.
 */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/sim_job.h"
#include "sim/sim_rows.h"

#define RECORD_NOISE_FROM 20
#define RECORD_DEFAULT 10	/* posts of an input that sets no limit */
#define RECORD_MAX 20000	/* rows of one job: sources are not endless */

struct yield {
	uint64_t records, errors;
	bool	 fails;
};

/* How many rows there will be; inputs is the array as submitted. */
void record_yield(uint64_t seed, const struct job *, const json_t *inputs, struct yield *ret);
/* The rows; how many media items the good ones have by their platform's rule. */
struct rows *record_rows(uint64_t seed, const struct job *, const json_t *inputs,
    uint64_t *ret_media);

#endif
