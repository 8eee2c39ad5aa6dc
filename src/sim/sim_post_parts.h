/*
 * sim_post_parts.h - what the generators share: the row that is being made, and text with
 * emoji, ids, addresses. Each part writes one key and its value.
 */
#ifndef SIM_POST_PARTS_H
#define SIM_POST_PARTS_H

#include <stdbool.h>
#include <stddef.h>
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

/* A few words with emoji of four bytes at any offset, raw or escaped. */
void part_text(struct post *, struct json_out *, const char *key, unsigned words);
/* A count: mostly a number, now and then a numeric string or null. */
void part_count(struct post *, struct json_out *, const char *key, uint32_t below);
/* An address on a content server that looks signed. */
void part_media_url(struct post *, struct json_out *, const char *key, const char *suffix);
/* An array of such addresses, or null when there are none. */
void part_media_urls(struct post *, struct json_out *, const char *key, unsigned count,
    const char *suffix);
void part_nulls(struct json_out *, const char *const *keys);
/* post->id becomes a number of so many digits, as text. */
void part_make_id(struct post *, unsigned digits);
/* Last path segment of the submitted address, or the keyword; printable ASCII. */
void part_handle(const struct post *, char *dst, size_t size);
/* One of weights[] (they add up to 100), by its place. */
unsigned part_pick(struct post *, const unsigned *weights);

#endif
