/*
 * record.h - counts what a snapshot holds: posts with their media, error rows, and others.
 *
 *   error row   error or error_code holds something; or a warning stands there, and nothing
 *               proves a post
 *   post        an id of the platform's proves it (platform.h)
 *   other       what is left: a profile row, null, {}, a number ...
 *
 * Media are counted on posts only, by the platform's rule. An object by itself that is no
 * post, and whose one array holds posts or error rows, is an envelope: what is in it counts
 * in its place.
 *
 * Order: record_counter_init, give its names to json_stream_new with
 * record_counter_on_record and the counter, read the total at the end.
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/json_stream.h"
#include "model/platform.h"

struct record_counts {
	uint64_t posts, media, errors, others;
};

struct record_counter {
	const struct platform	*platform;
	const char		*names[JSON_STREAM_MEMBERS];
	unsigned		 name_count;
	struct record_counts	 total;
	struct record_counts	 inside;	/* of what may turn out to be an envelope */
};

void record_counter_init(struct record_counter *, enum platform_id);
json_record_fn record_counter_on_record;	/* arg is the counter */

uint64_t record_counts_rows(const struct record_counts *);	/* of all kinds */

#endif
