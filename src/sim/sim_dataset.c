/*
 * sim_dataset.c - tables of data sets, modes and fields, and the strict check of
 * one input row. Leaves the shape of the HTTP answer to sim_trigger.c.
 *
 * The texts of the pairs for a missing and for an unknown field are the
 * provider's own; those for a wrong type are made up in its manner.
 */
#include "sim/sim_dataset.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "sim/sim_words.h"

#define DAY_MS 86400000

#define DATES_US \
	{ "start_date", FIELD_DATE_US, false, NULL }, { "end_date", FIELD_DATE_US, false, NULL }
#define DATES_ISO \
	{ "start_date", FIELD_DATE_ISO, false, NULL }, { "end_date", FIELD_DATE_ISO, false, NULL }
#define COUNT_AND_SKIP \
	{ "num_of_posts", FIELD_COUNT, false, NULL }, \
	{ "posts_to_not_include", FIELD_IDS, false, NULL }
#define COUNTRY { "country", FIELD_TEXT, false, NULL }
#define LANGUAGE { "transcription_language", FIELD_TEXT, false, NULL }
#define URL { "url", FIELD_URL, true, NULL }
#define END { NULL, FIELD_TEXT, false, NULL }

static const struct field url_only[] = { URL, END };

static const struct field facebook_profile[] = {
	URL, COUNT_AND_SKIP, DATES_US,
	{ "include_profile_data", FIELD_BOOL, false, NULL },
	END
};
static const struct field facebook_user_name[] = {
	{ "user_name", FIELD_TEXT, true, NULL }, COUNT_AND_SKIP, DATES_US, END
};
static const struct field url_counted_us[] = { URL, COUNT_AND_SKIP, DATES_US, END };

static const struct field instagram_discover[] = {
	{ "url", FIELD_INSTAGRAM_URL, true, NULL }, COUNT_AND_SKIP, DATES_US,
	{ "post_type", FIELD_WORD, false, "Post|Reel" },
	END
};
static const struct field instagram_url[] = {
	{ "url", FIELD_INSTAGRAM_URL, true, NULL }, END
};

static const struct field tiktok_profile[] = {
	URL, COUNT_AND_SKIP,
	{ "what_to_collect", FIELD_WORD, false, "Posts|Posts & Reposts" },
	DATES_US,
	{ "post_type", FIELD_TEXT, false, NULL }, COUNTRY,
	{ "sort_by", FIELD_TEXT, false, NULL },
	END
};
static const struct field tiktok_keyword[] = {
	{ "search_keyword", FIELD_TEXT, true, NULL }, COUNT_AND_SKIP, COUNTRY, END
};
static const struct field tiktok_discover_page[] = {
	{ "URL", FIELD_URL, true, NULL }, COUNTRY, END
};

static const struct field tiktok_url[] = { URL, COUNTRY, END };

static const struct field youtube_channel[] = {
	URL, { "num_of_posts", FIELD_COUNT, false, NULL }, DATES_US,
	{ "order_by", FIELD_TEXT, false, NULL }, { "time_period", FIELD_TEXT, false, NULL },
	COUNTRY, LANGUAGE, END
};
static const struct field youtube_explore[] = {
	URL, COUNTRY, { "all_tabs", FIELD_BOOL, false, NULL }, END
};
static const struct field youtube_keyword[] = {
	{ "keyword", FIELD_TEXT, true, NULL }, { "num_of_posts", FIELD_COUNT, false, NULL },
	DATES_US, COUNTRY, END
};
static const struct field youtube_hashtag[] = {
	{ "hashtag", FIELD_TEXT, true, NULL }, COUNT_AND_SKIP, DATES_US, COUNTRY, END
};
static const struct field youtube_search[] = {
	{ "keyword_search", FIELD_TEXT, true, NULL },
	{ "upload_date", FIELD_TEXT, false, NULL }, { "type", FIELD_TEXT, false, NULL },
	{ "duration", FIELD_TEXT, false, NULL }, { "features", FIELD_TEXT, false, NULL },
	{ "sort_by", FIELD_TEXT, false, NULL }, COUNTRY, END
};
static const struct field youtube_url[] = {
	URL, COUNTRY, LANGUAGE, END
};

static const struct field linkedin_feed[] = {
	URL, DATES_ISO, { "limit", FIELD_COUNT, false, NULL },
	{ "only_authored_posts", FIELD_BOOL, false, NULL }, END
};

static const struct field x_profile[] = { URL, DATES_ISO, END };
static const struct field x_profiles[] = {
	{ "urls", FIELD_URLS, true, NULL }, DATES_ISO, END
};

static const struct field reddit_keyword[] = {
	{ "keyword", FIELD_TEXT, true, NULL },
	{ "date", FIELD_WORD, false,
	    "Past hour|Past day|Past 24 hours|Past week|Past month|Past year|All time" },
	{ "num_of_posts", FIELD_COUNT, false, NULL },
	{ "sort_by", FIELD_TEXT, false, NULL }, END
};
static const struct field reddit_subreddit[] = {
	URL,
	/* Small letters stand in the documents, capitals and Rising in the SDK. */
	{ "sort_by", FIELD_WORD, false, "new|top|hot|rising|New|Top|Hot|Rising" },
	{ "sort_by_time", FIELD_TEXT, false, NULL }, END
};

/* Comments and profiles: what the SDK sends, and what the provider's catalogue has besides. */
#define COUNT(name) { name, FIELD_COUNT, false, NULL }
#define TEXT(name) { name, FIELD_TEXT, false, NULL }

static const struct field facebook_comments[] = {
	URL, COUNT("num_of_comments"), { "comments_to_not_include", FIELD_IDS, false, NULL },
	DATES_US, { "get_all_replies", FIELD_BOOL, false, NULL }, COUNT("limit_records"),
	TEXT("comments_sort"), END
};
static const struct field youtube_comments[] = {
	URL, COUNT("num_of_comments"), { "load_replies", FIELD_BOOL_OR_COUNT, false, NULL },
	TEXT("sort_by"), END
};
static const struct field reddit_comments[] = {
	URL, COUNT("days_back"), { "load_all_replies", FIELD_BOOL, false, NULL },
	COUNT("comment_limit"), TEXT("sort_by"), END
};
static const struct field user_name_only[] = { { "user_name", FIELD_TEXT, true, NULL }, END };
static const struct field keyword_only[] = { { "keyword", FIELD_TEXT, true, NULL }, END };
static const struct field tiktok_profile_search[] = {
	{ "search_url", FIELD_URL, true, NULL }, COUNTRY, END
};
static const struct field x_profile_url[] = { URL, COUNT("max_number_of_posts"), END };
static const struct field linkedin_people[] = {
	{ "first_name", FIELD_TEXT, true, NULL }, URL, TEXT("last_name"), END
};
static const struct field linkedin_vacancies[] = {
	TEXT("keyword"), TEXT("location"), COUNTRY, TEXT("time_range"), TEXT("job_type"),
	TEXT("experience_level"), { "remote", FIELD_BOOL, false, NULL }, TEXT("company"),
	TEXT("location_radius"), END
};

static const struct field tiktok_fast_profile[] = {
	URL, COUNT("num_of_posts"), DATES_US, COUNTRY, END
};
static const struct field tiktok_fast_search[] = {
	URL, COUNT("num_of_posts"), { "start_date", FIELD_DATE_US, false, NULL }, COUNTRY, END
};

#define MODE_END { NULL, NULL, false }
#define BY_URL(fields) { NULL, fields, false }

static const struct sim_mode facebook_modes[] = {
	{ NULL, facebook_profile, true }, { "user_name", facebook_user_name, true }, MODE_END
};
static const struct sim_mode counted_url_modes[] = { { NULL, url_counted_us, true }, MODE_END };
static const struct sim_mode single_url_modes[] = { BY_URL(url_only), MODE_END };
static const struct sim_mode instagram_modes[] = {
	BY_URL(instagram_url), { "url", instagram_discover, true }, MODE_END
};
static const struct sim_mode instagram_reel_modes[] = {
	BY_URL(instagram_url), { "url", instagram_discover, true },
	{ "url_all_reels", instagram_discover, true }, MODE_END
};
static const struct sim_mode tiktok_modes[] = {
	BY_URL(tiktok_url), { "keyword", tiktok_keyword, true },
	{ "profile_url", tiktok_profile, true }, { "url", tiktok_discover_page, true }, MODE_END
};
static const struct sim_mode youtube_modes[] = {
	BY_URL(youtube_url), { "keyword", youtube_keyword, true },
	{ "url", youtube_channel, true }, { "hashtag", youtube_hashtag, true },
	{ "search_filters", youtube_search, true }, { "explore", youtube_explore, true }, MODE_END
};
static const struct sim_mode linkedin_modes[] = {
	BY_URL(url_only), { "url", linkedin_feed, true },
	{ "profile_url", linkedin_feed, true }, { "company_url", linkedin_feed, true }, MODE_END
};
static const struct sim_mode x_modes[] = {
	BY_URL(url_only), { "profile_url", x_profile, true },
	{ "profile_url_most_recent_posts", x_profile, true },
	{ "profiles_array", x_profiles, true }, MODE_END
};
static const struct sim_mode reddit_modes[] = {
	BY_URL(url_only), { "keyword", reddit_keyword, true },
	{ "subreddit_url", reddit_subreddit, true }, MODE_END
};

static const struct sim_mode tiktok_fast_profile_modes[] = {
	{ NULL, tiktok_fast_profile, true }, MODE_END
};
static const struct sim_mode tiktok_fast_search_modes[] = {
	{ NULL, tiktok_fast_search, true }, MODE_END
};

static const struct sim_mode url_comments_modes[] = { { NULL, url_only, true }, MODE_END };
static const struct sim_mode facebook_comments_modes[] = {
	{ NULL, facebook_comments, true }, MODE_END
};
static const struct sim_mode instagram_comments_modes[] = {
	{ NULL, instagram_url, true }, MODE_END
};
static const struct sim_mode youtube_comments_modes[] = {
	{ NULL, youtube_comments, true }, MODE_END
};
static const struct sim_mode reddit_comments_modes[] = {
	{ NULL, reddit_comments, true }, MODE_END
};

static const struct sim_mode instagram_profile_modes[] = {
	BY_URL(instagram_url), { "user_name", user_name_only, false }, MODE_END
};
static const struct sim_mode tiktok_profile_modes[] = {
	BY_URL(tiktok_url), { "search_url", tiktok_profile_search, true }, MODE_END
};
static const struct sim_mode youtube_channel_modes[] = {
	BY_URL(url_only), { "keyword", keyword_only, true }, MODE_END
};
static const struct sim_mode x_user_modes[] = {
	BY_URL(x_profile_url), { "user_name", user_name_only, false }, MODE_END
};
static const struct sim_mode linkedin_people_modes[] = {
	{ NULL, linkedin_people, true }, MODE_END
};
static const struct sim_mode linkedin_vacancy_modes[] = {
	BY_URL(url_only), { "keyword", linkedin_vacancies, true }, { "url", url_only, true },
	MODE_END
};

/* An id starts with "gd_", as all do. */
#define POSTS(id, platform, modes, name) { "gd_" id, name, platform, SIM_POSTS, modes }
#define COMMENTS(id, platform, modes, name) { "gd_" id, name, platform, SIM_COMMENTS, modes }
#define PROFILES(id, platform, modes, name) { "gd_" id, name, platform, SIM_PROFILES, modes }
#define VACANCIES(id, platform, modes, name) { "gd_" id, name, platform, SIM_VACANCIES, modes }

const struct dataset datasets[] = {
	POSTS("lkaxegm826bjpoo9m5", SIM_FACEBOOK, facebook_modes, "Facebook - Pages Posts by Profile URL"),
	POSTS("lz11l67o2cb3r0lkj3", SIM_FACEBOOK, counted_url_modes, "Facebook - Posts by group URL"),
	POSTS("lyclm1571iy3mv57zw", SIM_FACEBOOK, single_url_modes, "Facebook - Posts by post URL"),
	POSTS("lyclm3ey2q6rww027t", SIM_FACEBOOK, counted_url_modes, "Facebook - Reels by profile URL"),
	POSTS("lk5ns7kz21pck8jpis", SIM_INSTAGRAM, instagram_modes, "Instagram - Posts"),
	POSTS("lyclm20il4r5helnj", SIM_INSTAGRAM, instagram_reel_modes, "Instagram - Reels"),
	POSTS("lu702nij2f790tmv9h", SIM_TIKTOK, tiktok_modes, "TikTok - Posts"),
	POSTS("m7n5v2gq296pex2f5m", SIM_TIKTOK, tiktok_fast_profile_modes, "TikTok - Posts by Profile Fast API"),
	POSTS("m736hjp71lejc5dc0l", SIM_TIKTOK, single_url_modes, "TikTok - Posts by URL Fast API"),
	POSTS("m7n5ixlw1gc4no56kx", SIM_TIKTOK, tiktok_fast_search_modes, "TikTok - Posts by Search URL Fast API"),
	POSTS("lk56epmy2i5g7lzu0k", SIM_YOUTUBE, youtube_modes, "YouTube - Videos posts"),
	POSTS("lyy3tktm25m4avu764", SIM_LINKEDIN, linkedin_modes, "LinkedIn posts"),
	POSTS("lwxkxvnf1cynvib9co", SIM_X, x_modes, "X (formerly Twitter) - Posts"),
	POSTS("lvz8ah06191smkebj4", SIM_REDDIT, reddit_modes, "Reddit - Posts"),
	COMMENTS("lkay758p1eanlolqw8", SIM_FACEBOOK, facebook_comments_modes, "Facebook - Comments"),
	COMMENTS("ltppn085pokosxh13", SIM_INSTAGRAM, instagram_comments_modes, "Instagram - Comments"),
	COMMENTS("lkf2st302ap89utw5k", SIM_TIKTOK, url_comments_modes, "TikTok - Comments"),
	COMMENTS("lk9q0ew71spt1mxywf", SIM_YOUTUBE, youtube_comments_modes, "YouTube - Comments"),
	COMMENTS("lvzdpsdlw09j6t702", SIM_REDDIT, reddit_comments_modes, "Reddit - Comments"),
	PROFILES("l1vikfch901nx3by4", SIM_INSTAGRAM, instagram_profile_modes, "Instagram - Profiles"),
	PROFILES("l1villgoiiidt09ci", SIM_TIKTOK, tiktok_profile_modes, "TikTok - Profiles"),
	PROFILES("lk538t2k2p1k3oos71", SIM_YOUTUBE, youtube_channel_modes, "YouTube - Channels"),
	PROFILES("lwxmeb2u1cniijd7t4", SIM_X, x_user_modes, "X (formerly Twitter) - Profiles"),
	PROFILES("l1viktl72bvl7bjuj0", SIM_LINKEDIN, single_url_modes, "LinkedIn people profiles"),
	PROFILES("m8d03he47z8nwb5xc", SIM_LINKEDIN, linkedin_people_modes, "LinkedIn people search"),
	PROFILES("l1vikfnt1wgvvqz95w", SIM_LINKEDIN, single_url_modes, "LinkedIn company information"),
	VACANCIES("lpfll7v5hcqtkxl6l", SIM_LINKEDIN, linkedin_vacancy_modes, "LinkedIn job listings"),
};
const size_t dataset_count = countof(datasets);

const struct dataset *
dataset_find(const char *id)
{
	for (size_t i = 0; i < dataset_count; i++)
		if (strcmp(datasets[i].id, id) == 0)
			return &datasets[i];
	return NULL;
}

static void
discovery_list(const struct dataset *d, const char *head, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "%s", head);
	const char *comma = "";

	for (const struct sim_mode *m = d->modes; m->fields && n < size; m++) {
		if (!m->discover_by)
			continue;
		n += (size_t)snprintf(text + n, size - n, "%s%s", comma, m->discover_by);
		comma = ", ";
	}
}

static bool
has_discovery(const struct dataset *d)
{
	for (const struct sim_mode *m = d->modes; m->fields; m++)
		if (m->discover_by)
			return true;
	return false;
}

const struct sim_mode *
dataset_mode(const struct dataset *d, const char *type, const char *discover_by, char *text,
    size_t size)
{
	bool discover = type && strcmp(type, "discover_new") == 0;

	if (discover && !has_discovery(d)) {
		(void)snprintf(text, size,
		    "This dataset does not support discovery. Supported types: ['url_collection']");
		return NULL;
	}
	if (discover && !discover_by) {
		(void)snprintf(text, size,
		    "Incorrect discovery collector id, discover_by is required");
		return NULL;
	}
	for (const struct sim_mode *m = d->modes; m->fields; m++) {
		if (discover ? m->discover_by && strcmp(m->discover_by, discover_by) == 0
		    : !m->discover_by)
			return m;
	}
	discovery_list(d, "Incorrect discovery collector id Available types: ", text, size);
	return NULL;
}

static bool
is_url(const char *text)
{
	const char *host = strncasecmp(text, "https://", 8) == 0 ? text + 8 :
	    strncasecmp(text, "http://", 7) == 0 ? text + 7 : NULL;

	if (!host || !isalnum((unsigned char)*host))
		return false;
	for (; *host; host++)
		if ((unsigned char)*host <= ' ')
			return false;
	return true;
}

static bool
is_instagram_url(const char *text)
{
	if (!is_url(text) || strncmp(text, "https://", 8) != 0)
		return false;
	text += 8;
	if (strncmp(text, "www.", 4) == 0)
		text += 4;
	return strncmp(text, "instagram.com/", 14) == 0;
}

/* MM-DD-YYYY as a date that exists. */
static int
us_date_parse(const char *text, struct date *ret)
{
	char iso[DATE_TEXT_SIZE];

	if (strlen(text) != 10 || text[2] != '-' || text[5] != '-')
		return -EINVAL;
	(void)snprintf(iso, sizeof iso, "%.4s-%.2s-%.2s", text + 6, text, text + 3);
	return date_parse(iso, ret);
}

static int64_t
date_start_ms(struct date d)
{
	char text[40];
	int64_t ms = 0;

	(void)snprintf(text, sizeof text, "%04d-%02d-%02dT00:00:00Z", d.year, d.month, d.day);
	(void)time_parse(text, &ms);
	return ms;
}

/* Start of the day or moment that text names; *ret_day tells which. */
static int
field_time(enum field_kind kind, const char *text, int64_t *ret_ms, bool *ret_day)
{
	struct date d;
	int r = kind == FIELD_DATE_US ? us_date_parse(text, &d) : date_parse(text, &d);

	*ret_day = r == 0;
	if (r == 0)
		*ret_ms = date_start_ms(d);
	else if (kind == FIELD_DATE_ISO)
		r = time_parse(text, ret_ms);
	return r;
}

static bool
are_strings(const json_t *value, bool urls)
{
	size_t i;
	json_t *item;

	if (!json_is_array(value) || (urls && json_array_size(value) == 0))
		return false;
	json_array_foreach(value, i, item) {
		if (!json_is_string(item) || (urls && !is_url(json_string_value(item))))
			return false;
	}
	return true;
}

/* What is wrong with a field's value, or NULL. */
static const char *
value_fault(const struct field *f, const json_t *value)
{
	const char *text = json_string_value(value);
	int64_t ms;
	bool day;

	if (text && !*text)
		return f->required ? "Required field" : NULL;
	switch (f->kind) {
	case FIELD_URL:
		return text && is_url(text) ? NULL : "Should be a valid url";
	case FIELD_INSTAGRAM_URL:
		return text && is_instagram_url(text) ? NULL :
		    "Should match pattern https://(www.)?instagram.com/...";
	case FIELD_URLS:
		return are_strings(value, true) ? NULL : "Should be an array of urls";
	case FIELD_TEXT:
		return text ? NULL : "Should be a string";
	case FIELD_COUNT:
		return json_is_integer(value) && json_integer_value(value) >= 0 ? NULL :
		    "Should be a number";
	case FIELD_BOOL:
		return json_is_boolean(value) ? NULL : "Should be a boolean";
	case FIELD_BOOL_OR_COUNT:
		return json_is_boolean(value) ||
		    (json_is_integer(value) && json_integer_value(value) >= 0) ? NULL :
		    "Should be a number";
	case FIELD_DATE_US:
		return text && field_time(f->kind, text, &ms, &day) == 0 ? NULL :
		    "Should be a date in MM-DD-YYYY format";
	case FIELD_DATE_ISO:
		return text && field_time(f->kind, text, &ms, &day) == 0 ? NULL :
		    "Should be a date in ISO 8601 format";
	case FIELD_IDS:
		return are_strings(value, false) ? NULL : "Should be an array of strings";
	case FIELD_WORD:
		return text && words_have(f->words, text) ? NULL : "Should be one of the allowed values";
	}
	return NULL;
}

static void
add_fault(struct json_out *errors, const char *field, const char *text)
{
	json_out_open_array(errors);
	json_out_string(errors, field);
	json_out_string(errors, text);
	json_out_close_array(errors);
}

static const struct field *
field_find(const struct sim_mode *m, const char *name)
{
	for (const struct field *f = m->fields; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

unsigned
mode_check_input(const struct sim_mode *m, const json_t *row, struct json_out *errors)
{
	unsigned faults = 0;
	const char *name, *fault;
	json_t *value;

	if (!json_is_object(row)) {
		add_fault(errors, "input", "Should be an object");
		return 1;
	}
	for (const struct field *f = m->fields; f->name; f++) {
		value = json_object_get(row, f->name);
		fault = value ? value_fault(f, value) : f->required ? "Required field" : NULL;
		if (fault) {
			add_fault(errors, f->name, fault);
			faults++;
		}
	}
	json_object_foreach((json_t *)(uintptr_t)row, name, value) {
		char text[256];

		if (field_find(m, name))
			continue;
		(void)snprintf(text, sizeof text, "This input should not contain a %.200s field",
		    name);
		add_fault(errors, name, text);
		faults++;
	}
	return faults;
}

const char *
mode_subject(const struct sim_mode *m, const json_t *row)
{
	for (const struct field *f = m->fields; f->name; f++) {
		const json_t *value = json_object_get(row, f->name);
		const char *text;

		if (!f->required)
			continue;
		if (json_is_array(value))
			value = json_array_get(value, 0);
		text = json_string_value(value);
		return text ? text : "";
	}
	return "";
}

void
mode_window(const struct sim_mode *m, const json_t *row, int64_t *ret_start_ms,
    int64_t *ret_end_ms)
{
	const struct field *f = field_find(m, "start_date");
	const char *start = json_text(row, "start_date");
	const char *end = json_text(row, "end_date");
	int64_t ms;
	bool day;

	*ret_start_ms = *ret_end_ms = 0;
	if (!f)
		return;
	if (start && field_time(f->kind, start, &ms, &day) == 0)
		*ret_start_ms = ms;
	if (end && field_time(f->kind, end, &ms, &day) == 0)
		*ret_end_ms = day ? ms + DAY_MS - 1 : ms;	/* the last day belongs to it */
}
