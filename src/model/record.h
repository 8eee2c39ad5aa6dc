/*
 * record.h - counts the posts, media and error rows of a snapshot.
 *
 * A record is an error row when error or error_code holds something, or when a
 * warning stands there and no post id does; everything else is a post. Media are
 * counted on posts only, by the platform's rule (platform.h).
 *
 * Order: record_counter_init, give record_counter_names to json_stream_new with
 * record_counter_on_record and the counter, read the totals at the end.
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include "base/json_stream.h"
#include "model/platform.h"

struct record_counter {
	const struct platform	*platform;
	const char		*names[JSON_STREAM_MEMBERS];
	unsigned		 name_count;
	uint64_t		 posts, media, errors;
};

void record_counter_init(struct record_counter *, enum platform_id);
json_record_fn record_counter_on_record;	/* arg is the counter */

#endif
