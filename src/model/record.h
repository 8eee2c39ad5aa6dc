/*
 * record.h - counts what a snapshot holds: posts with their media, error rows, and others. What
 * a record looks like is told by a form, of which a provider has one for each platform:
 *
 *   error row   a member for errors holds something; or one for warnings does, and nothing
 *               proves a post
 *   post        an id proves it
 *   other       what is left: a profile row, null, {}, a number ...
 *
 * Media are counted on posts only, by the form's rule. An object by itself that is no
 * post, and whose one array holds posts or error rows, is an envelope: what is in it counts
 * in its place.
 *
 * Order: record_counter_init, give its names to json_stream_new with
 * record_counter_on_record and the counter, read the total at the end.
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_stream.h"

#define RECORD_TROUBLES 2		/* members for errors, and as many for warnings */

/* The members to watch, and the rules over them. Unused places are NULL. */
struct record_form {
	const char	*errors[RECORD_TROUBLES];
	const char	*warnings[RECORD_TROUBLES];
	const char	*watch[JSON_STREAM_MEMBERS - 2 * RECORD_TROUBLES];
	unsigned	 ids;		/* the first so many of watch[]: what proves a post, any of which will do */
	uint64_t	(*count_media)(const struct json_member *);	/* of a post; members in the order of watch[] */
};

struct record_counts {
	uint64_t posts, media, errors, others;
};

struct record_counter {
	const struct record_form *form;
	const char		*names[JSON_STREAM_MEMBERS];
	unsigned		 name_count;
	unsigned		 errors, warnings;	/* the first names, and those after them; then come those of watch[] */
	struct record_counts	 total;
	struct record_counts	 inside;	/* of what may turn out to be an envelope */
};

void record_counter_init(struct record_counter *, const struct record_form *);	/* which outlives it */
json_record_fn record_counter_on_record;	/* arg is the counter */

uint64_t record_counts_rows(const struct record_counts *);	/* of all kinds */

/* For rules. True when something stands in a record's member: not when it is missing, null, false,
 * blank, [], {} or 0, all of which are ways to say "none". */
bool record_member_holds(const struct json_member *);
/* True when an id stands there: text or a number, and not one of the words for none. */
bool record_member_is_id(const struct json_member *);

#endif
