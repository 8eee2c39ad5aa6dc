/*
 * sim_post.h - one row: a post in the shape of its platform, a comment, a profile
 * or a vacancy.
 */
#ifndef SIM_POST_H
#define SIM_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/json_out.h"
#include "sim/sim_dataset.h"
#include "sim/sim_random.h"

struct post {
	struct sim_random	 random;
	const struct dataset	*dataset;
	const struct sim_mode	*mode;
	const json_t		*input;		/* the row submitted */
	int64_t			 posted_ms;	/* within the input's window */
	int64_t			 collected_ms;
	bool			 null_error;	/* has "error":null */
	bool			 big;		/* YouTube: half a megabyte of transcript */
	uint32_t		 media;		/* written by post_write() */
	char			 id[24];
	char			 url[160];	/* of the post, "" until made */
};

/* Appends the whole record. */
void post_write(struct post *, struct json_out *);
/* "timestamp", "input", "discovery_input" as they stand in each record. */
void post_write_echo(const struct post *, struct json_out *);
/* The data set's content keys, all null (one form of error row). */
void post_write_nulls(const struct post *, struct json_out *);

#endif
