/*
 * brightdata_platform.c - how Bright Data crawls each platform: its data set, how a crawl of a
 * profile is asked for, and which of our request's fields the data set takes and in which form.
 *
 * Source: Bright Data's API reference and per-platform guides; unknown input fields are refused
 * by the provider, so the field list is exact.
 */
#include "provider/brightdata_platform.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/why.h"
#include "model/url.h"

/* Which members of a trigger request go into the input row. */
enum input_field {
	INPUT_URL             = 1 << 0,
	INPUT_DATES           = 1 << 1,	/* start_date, end_date */
	INPUT_NUM_OF_POSTS    = 1 << 2,	/* as "num_of_posts" */
	INPUT_LIMIT           = 1 << 3,	/* num_of_posts as "limit" (LinkedIn) */
	INPUT_PROFILE_DATA    = 1 << 4,	/* include_profile_data */
};

enum date_form { DATE_NONE, DATE_US, DATE_ISO };	/* -, MM-DD-YYYY, YYYY-MM-DD */

static const struct set {
	const char	*id;		/* of the data set of its posts */
	const char	*discover_by;	/* NULL: a plain URL collection; else type=discover_new */
	const char	*discover_by_profile;	/* instead, when the URL is a person's (LinkedIn "/in/"); or NULL */
	unsigned	 inputs;	/* enum input_field, or-ed */
	enum date_form	 dates;
} sets[PLATFORM_COUNT] = {
	[PLATFORM_FACEBOOK] = {
		.id = "gd_lkaxegm826bjpoo9m5",
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES | INPUT_PROFILE_DATA,
		.dates = DATE_US,
	},
	[PLATFORM_INSTAGRAM] = {
		.id = "gd_lk5ns7kz21pck8jpis",
		.discover_by = "url",
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES,
		.dates = DATE_US,
	},
	[PLATFORM_TIKTOK] = {
		.id = "gd_lu702nij2f790tmv9h",
		.discover_by = "profile_url",
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES,
		.dates = DATE_US,
	},
	[PLATFORM_YOUTUBE] = {
		.id = "gd_lk56epmy2i5g7lzu0k",
		.discover_by = "url",
		.inputs = INPUT_URL | INPUT_NUM_OF_POSTS | INPUT_DATES,
		.dates = DATE_US,
	},
	[PLATFORM_LINKEDIN] = {
		.id = "gd_lyy3tktm25m4avu764",
		.discover_by = "company_url",
		.discover_by_profile = "profile_url",
		.inputs = INPUT_URL | INPUT_LIMIT | INPUT_DATES,
		.dates = DATE_ISO,
	},
	[PLATFORM_X] = {
		.id = "gd_lwxkxvnf1cynvib9co",
		.discover_by = "profile_url",
		.inputs = INPUT_URL | INPUT_DATES,
		.dates = DATE_ISO,
	},
	[PLATFORM_REDDIT] = {
		.id = "gd_lvz8ah06191smkebj4",
		.discover_by = "subreddit_url",
		.inputs = INPUT_URL,
		.dates = DATE_NONE,
	},
};

static const struct set *
set_of(const struct trigger_request *r)
{
	assert((unsigned)r->platform < countof(sets));
	return &sets[r->platform];
}

static const char *
dataset_id(enum platform_id platform)
{
	assert((unsigned)platform < countof(sets));
	return sets[platform].id;
}

/* ---- what may be asked for ---- */

/* The data set of another platform would be sent rows that it refuses. */
static int
check_dataset(const struct trigger_request *r, struct why *why)
{
	for (const char *p = r->dataset_id; p == r->dataset_id || *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
			return why_set(why, EINVAL, "dataset_id: may contain letters, digits, _ and - only, "
			    "such as \"%s\"", sets[PLATFORM_FACEBOOK].id);
	for (unsigned i = 0; i < PLATFORM_COUNT; i++) {
		const char *other = platform_of((enum platform_id)i)->name;

		if (i != r->platform && strcmp(r->dataset_id, sets[i].id) == 0)
			return why_set(why, EINVAL, "dataset_id: %s is the data set of %s, but the platform "
			    "is %s; set platform to \"%s\" or leave dataset_id out", r->dataset_id,
			    other, platform_of(r->platform)->name, other);
	}
	return 0;
}

static int
check(const struct trigger_request *r, struct why *why)
{
	int rc = check_dataset(r, why);

	if (rc < 0)
		return rc;
	if (set_of(r)->discover_by != NULL && r->num_of_posts == 0)
		return why_set(why, EINVAL, "num_of_posts: is required for %s, whose posts are discovered: "
		    "without it the collection has no bound; give a number from 1 to %d", platform_of(r->platform)->name,
		    REQUEST_POSTS_MAX);
	return 0;
}

/* ---- what is sent for it ---- */

/* The provider's form of a date of ours; "" stays "". */
static void
date_text(enum date_form form, const char *date, char *dst, size_t size)
{
	if (form == DATE_US && date[0] != '\0')
		(void)snprintf(dst, size, "%.5s-%.4s", date + 5, date);
	else
		(void)snprintf(dst, size, "%s", date);
}

enum value_kind { VALUE_URL, VALUE_COUNT, VALUE_START, VALUE_END, VALUE_PROFILE_DATA };

/* The members of an input row, in the order they are written. */
static const struct input {
	enum input_field field;
	enum value_kind	 kind;
	const char	*name;
} inputs[] = {
	{ INPUT_URL,          VALUE_URL,          "url" },
	{ INPUT_NUM_OF_POSTS, VALUE_COUNT,        "num_of_posts" },
	{ INPUT_LIMIT,        VALUE_COUNT,        "limit" },
	{ INPUT_DATES,        VALUE_START,        "start_date" },
	{ INPUT_DATES,        VALUE_END,          "end_date" },
	{ INPUT_PROFILE_DATA, VALUE_PROFILE_DATA, "include_profile_data" },
};

static const struct input *
input_at(const struct trigger_request *r, unsigned n)
{
	unsigned taken = set_of(r)->inputs;

	for (size_t i = 0; i < countof(inputs); i++)
		if ((inputs[i].field & taken) != 0 && n-- == 0)
			return &inputs[i];
	return NULL;
}

static void
input_text(const struct input *input, const struct trigger_request *r, char *dst, size_t size)
{
	enum date_form form = set_of(r)->dates;

	dst[0] = '\0';
	switch (input->kind) {
	case VALUE_URL:
		(void)snprintf(dst, size, "%s", r->url);
		break;
	case VALUE_COUNT:
		if (r->num_of_posts > 0)
			(void)snprintf(dst, size, "%" PRIu32, r->num_of_posts);
		break;
	case VALUE_START:
		date_text(form, r->start_date, dst, size);
		break;
	case VALUE_END:
		date_text(form, r->end_date, dst, size);
		break;
	case VALUE_PROFILE_DATA:
		(void)snprintf(dst, size, "%s", r->include_profile_data ? "true" : "");
		break;
	}
}

void
brightdata_write_input(struct json_out *o, const struct trigger_request *r)
{
	const struct input *input;

	json_out_open(o);
	for (unsigned n = 0; (input = input_at(r, n)) != NULL; n++) {
		char text[REQUEST_URL_SIZE];

		input_text(input, r, text, sizeof(text));
		if (text[0] == '\0')
			continue;
		json_out_key(o, input->name);
		if (input->kind == VALUE_COUNT)
			json_out_int(o, r->num_of_posts);
		else if (input->kind == VALUE_PROFILE_DATA)
			json_out_bool(o, true);
		else
			json_out_string(o, text);
	}
	json_out_close(o);
}

static bool
path_has(const struct url *url, const char *piece)
{
	size_t len = strlen(piece);

	for (size_t i = 0; i + len <= url->path_len; i++)
		if (strncasecmp(url->path + i, piece, len) == 0)
			return true;
	return false;
}

const char *
brightdata_discover_by(const struct trigger_request *r)
{
	const struct set *set = set_of(r);
	struct url url;

	if (set->discover_by_profile != NULL && url_split(r->url, &url, NULL) == 0 &&
	    path_has(&url, "/in/"))
		return set->discover_by_profile;
	return set->discover_by;
}

uint32_t
brightdata_query_limit(const struct trigger_request *r)
{
	unsigned taken = set_of(r)->inputs;

	return (taken & (INPUT_NUM_OF_POSTS | INPUT_LIMIT)) != 0 ? 0 : r->num_of_posts;
}

const struct provider_rules brightdata_rules = { "brightdata", dataset_id, check };
