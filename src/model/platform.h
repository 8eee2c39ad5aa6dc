/*
 * platform.h - what trawld knows about each social platform: its data set at
 * Bright Data, how a crawl of a profile is asked for, which of our request's
 * fields that data set takes and in which form, and how media are counted. One
 * row a platform. Pure.
 *
 * Source: Bright Data's API reference and per-platform guides; unknown input
 * fields are refused by the provider, so the field list is exact.
 */
#ifndef MODEL_PLATFORM_H
#define MODEL_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_stream.h"

/* Numbers lie in the store: rows are only ever added at the end. */
enum platform_id {
	PLATFORM_FACEBOOK,
	PLATFORM_INSTAGRAM,
	PLATFORM_TIKTOK,
	PLATFORM_YOUTUBE,
	PLATFORM_LINKEDIN,
	PLATFORM_X,
	PLATFORM_REDDIT,
	PLATFORM_COUNT
};

/* Their names, for messages and for help. */
#define PLATFORM_NAMES "facebook, instagram, tiktok, youtube, linkedin, x, reddit"

/* Which members of a trigger request go into the provider's input row. */
enum input_field {
	INPUT_URL             = 1 << 0,
	INPUT_DATES           = 1 << 1,	/* start_date, end_date */
	INPUT_NUM_OF_POSTS    = 1 << 2,	/* as "num_of_posts" */
	INPUT_LIMIT           = 1 << 3,	/* num_of_posts as "limit" (LinkedIn) */
	INPUT_PROFILE_DATA    = 1 << 4,	/* include_profile_data */
};

enum date_form { DATE_NONE, DATE_US, DATE_ISO };	/* -, MM-DD-YYYY, YYYY-MM-DD */

struct platform {
	const char	*name;		/* "facebook" */
	const char	*dataset_id;	/* of its posts */
	const char	*discover_by;	/* NULL: a plain URL collection; else type=discover_new */
	const char	*discover_by_profile;	/* instead, when the URL is a person's (LinkedIn "/in/"); or NULL */
	const char	*hosts[4];	/* where its pages are: these and what lies below them (www., m., de-de.) */
	unsigned	 inputs;	/* enum input_field, or-ed */
	enum date_form	 dates;

	/* Counting: the record members to watch (record.h finds them by index), and the
	 * rules over them. What proves a post comes first: ids of them, any of which will do. */
	const char	*watch[JSON_STREAM_MEMBERS - 4];
	unsigned	 ids;
	uint64_t	(*count_media)(const struct json_member *);
};

const struct platform *platform_of(enum platform_id id);	/* asserts the range */
/* By name in any letter case; "twitter" is X. -ENOENT. */
int platform_find(const char *name, enum platform_id *ret);

/* By the host of a page's address. -ENOENT. */
int platform_find_host(const char *host, size_t len, enum platform_id *ret);
/* "facebook.com, fb.com or fb.watch" */
char *platform_hosts(enum platform_id, char *dst, size_t size);

/* True when something stands in a record's member: not when it is missing, null, false,
 * blank, [], {} or 0, all of which Bright Data uses for "none". */
bool platform_member_holds(const struct json_member *);
/* True when an id stands there: text or a number, and not one of the words for none. */
bool platform_member_is_id(const struct json_member *);

#endif
