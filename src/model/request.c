/*
 * request.c - reads a trigger request strictly, and writes it in canonical form. Knows
 * JSON and the rules of one request that hold at any provider; what is done with it is the
 * keeper's and the poller's.
 */
#include "model/request.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/why.h"
#include "model/url.h"

/* A member of the body: its name and how its value is read. value is never null. */
struct member {
	const char *name;
	int (*read)(const json_t *value, const char *name, struct trigger_request *, struct why *);
};

static const char *
type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a number";
	case JSON_REAL:
		return "a number with a fraction or exponent";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		break;
	}
	return "null";
}

/* "" when nothing stands in the string. -EINVAL: no string, or longer than size allows. */
static int
read_text(const json_t *value, const char *name, char *dst, size_t size, struct why *why)
{
	if (!json_is_string(value))
		return why_set(why, EINVAL, "%s: must be a string, but is %s", name, type_name(value));
	if (str_copy_n(dst, size, json_string_value(value), json_string_length(value)) == 0)
		return 0;
	if (json_string_length(value) >= size)
		return why_set(why, EINVAL, "%s: is %zu bytes long, at most %zu are allowed", name,
		    json_string_length(value), size - 1);
	return why_set(why, EINVAL, "%s: must not contain control characters", name);
}

static int
refuse_date(const char *name, const char *text, struct why *why)
{
	char shown[48];

	return why_set(why, EINVAL, "%s: \"%s\" is not a day of the calendar in the form YYYY-MM-DD", name,
	    str_printable(shown, sizeof(shown), text, strlen(text)));
}

static bool
has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return true;
	return false;
}

static int
read_competitor(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	return read_text(value, name, r->competitor, sizeof(r->competitor), why);
}

static int
read_brand(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	return read_text(value, name, r->brand, sizeof(r->brand), why);
}

static int
read_category(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	return read_text(value, name, r->category, sizeof(r->category), why);
}

static int
read_dataset(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	return read_text(value, name, r->dataset_id, sizeof(r->dataset_id), why);
}

static int
read_platform(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	char word[REQUEST_LABEL_SIZE], shown[64];
	int rc = read_text(value, name, word, sizeof(word), why);

	if (rc < 0 || word[0] == '\0')
		return rc;
	if (platform_find(word, &r->platform) < 0)
		return why_set(why, EINVAL, "%s: \"%s\" is not known; use one of %s", name,
		    str_printable(shown, sizeof(shown), word, strlen(word)), PLATFORM_NAMES);
	return 0;
}

static int
read_url(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	return read_text(value, name, r->url, sizeof(r->url), why);
}

/* The text is read whole first, so that a refusal can show it. */
static int
read_date(const json_t *value, const char *name, char dst[DATE_TEXT_SIZE], struct why *why)
{
	char text[REQUEST_LABEL_SIZE];
	int rc = read_text(value, name, text, sizeof(text), why);

	if (rc == 0 && str_copy(dst, DATE_TEXT_SIZE, text) < 0)
		rc = refuse_date(name, text, why);
	return rc;
}

static int
read_start_date(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	return read_date(value, name, r->start_date, why);
}

static int
read_end_date(const json_t *value, const char *name, struct trigger_request *r, struct why *why)
{
	return read_date(value, name, r->end_date, why);
}

static int
read_profile_data(const json_t *value, const char *name, struct trigger_request *r,
    struct why *why)
{
	if (!json_is_boolean(value))
		return why_set(why, EINVAL, "%s: must be true or false, but is %s", name, type_name(value));
	r->include_profile_data = json_is_true(value);
	return 0;
}

static int
read_num_of_posts(const json_t *value, const char *name, struct trigger_request *r,
    struct why *why)
{
	if (!json_is_integer(value))
		return why_set(why, EINVAL, "%s: must be a whole number, but is %s", name, type_name(value));
	if (json_integer_value(value) < 1 || json_integer_value(value) > REQUEST_POSTS_MAX)
		return why_set(why, EINVAL, "%s: is %" PRId64 ", allowed are 1 to %d", name,
		    (int64_t)json_integer_value(value), REQUEST_POSTS_MAX);
	r->num_of_posts = (uint32_t)json_integer_value(value);
	return 0;
}

#define MEMBERS_TEXT \
	"dataset_id, platform, competitor, brand, category, url, start_date, end_date, " \
	"include_profile_data, num_of_posts"

static const struct member members[] = {
	{ "dataset_id",           read_dataset },
	{ "platform",             read_platform },
	{ "competitor",           read_competitor },
	{ "brand",                read_brand },
	{ "category",             read_category },
	{ "url",                  read_url },
	{ "start_date",           read_start_date },
	{ "end_date",             read_end_date },
	{ "include_profile_data", read_profile_data },
	{ "num_of_posts",         read_num_of_posts },
};

static int
read_member(const char *name, const json_t *value, struct trigger_request *r, struct why *why)
{
	char shown[64];

	for (size_t i = 0; i < countof(members); i++) {
		if (strcmp(members[i].name, name) != 0)
			continue;
		return json_is_null(value) ? 0 : members[i].read(value, members[i].name, r, why);
	}
	return why_set(why, EINVAL, "\"%s\" is not a member of a trigger request; allowed are %s",
	    str_printable(shown, sizeof(shown), name, strlen(name)), MEMBERS_TEXT);
}

static int
check_label(const char *name, const char *text, struct why *why)
{
	size_t len = strlen(text);

	if (utf8_prefix(text, len) != len)
		return why_set(why, EINVAL, "%s: is not valid UTF-8", name);
	if (has_control(text))
		return why_set(why, EINVAL, "%s: must not contain control characters", name);
	return 0;
}

static int
check_date(const char *name, const char *text, struct why *why)
{
	struct date date;

	return text[0] == '\0' || date_parse(text, &date) == 0 ? 0 : refuse_date(name, text, why);
}

static int
split_url(const char *text, struct url *ret, struct why *why)
{
	int rc;

	if (text[0] == '\0')
		return why_set(why, EINVAL, "url: is missing; give the address of the profile, page or "
		    "channel to crawl");
	rc = url_split(text, ret, why);
	if (rc < 0)
		why_prefix(why, "url");
	return rc;
}

/* The provider takes any address, and is paid for finding nothing there. */
static int
check_url(const struct trigger_request *r, struct why *why)
{
	const char *name = platform_of(r->platform)->name;
	enum platform_id of_host;
	char shown[64], hosts[128];
	struct url url;
	int rc = split_url(r->url, &url, why);

	if (rc < 0)
		return rc;
	(void)str_printable(shown, sizeof(shown), url.host, url.host_len);
	if (platform_find_host(url.host, url.host_len, &of_host) < 0)
		return why_set(why, EINVAL, "url: %s is no host of %s; its pages are at %s", shown, name,
		    platform_hosts(r->platform, hosts, sizeof(hosts)));
	if (of_host != r->platform)
		return why_set(why, EINVAL, "url: %s is a host of %s, but the platform is %s; correct one of them, or leave "
		    "platform out", shown, platform_of(of_host)->name, name);
	return 0;
}

static int
check_numbers(const struct trigger_request *r, struct why *why)
{
	if (r->num_of_posts > REQUEST_POSTS_MAX)
		return why_set(why, EINVAL, "num_of_posts: is %" PRIu32 ", allowed are 1 to %d", r->num_of_posts,
		    REQUEST_POSTS_MAX);
	/* Dates of this form are in order when their texts are. */
	if (r->start_date[0] != '\0' && r->end_date[0] != '\0' && strcmp(r->start_date, r->end_date) > 0)
		return why_set(why, EINVAL, "start_date: %s is after end_date %s", r->start_date, r->end_date);
	return 0;
}

int
trigger_request_check(const struct trigger_request *r, struct why *why)
{
	int rc;

	if ((rc = check_label("competitor", r->competitor, why)) < 0 ||
	    (rc = check_label("brand", r->brand, why)) < 0 ||
	    (rc = check_label("category", r->category, why)) < 0 ||
	    (rc = check_url(r, why)) < 0 ||
	    (rc = check_date("start_date", r->start_date, why)) < 0 ||
	    (rc = check_date("end_date", r->end_date, why)) < 0)
		return rc;
	return check_numbers(r, why);
}

bool
trigger_request_equal(const struct trigger_request *a, const struct trigger_request *b)
{
	return a->platform == b->platform && strcmp(a->dataset_id, b->dataset_id) == 0 &&
	    strcmp(a->competitor, b->competitor) == 0 && strcmp(a->brand, b->brand) == 0 &&
	    strcmp(a->category, b->category) == 0 && strcmp(a->url, b->url) == 0 &&
	    strcmp(a->start_date, b->start_date) == 0 && strcmp(a->end_date, b->end_date) == 0 &&
	    a->include_profile_data == b->include_profile_data && a->num_of_posts == b->num_of_posts;
}

/* Nobody named the platform: the address does. */
static int
find_platform(struct trigger_request *r, struct why *why)
{
	struct url url;
	char shown[64];
	int rc = split_url(r->url, &url, why);

	if (rc < 0)
		return rc;
	if (platform_find_host(url.host, url.host_len, &r->platform) < 0)
		return why_set(why, EINVAL, "url: %s is a host of no platform that is known; known are %s",
		    str_printable(shown, sizeof(shown), url.host, url.host_len), PLATFORM_NAMES);
	return 0;
}

static int
read_object(json_t *body, struct trigger_request *r, struct why *why)
{
	const char *name;
	json_t *value;
	int rc;

	if (!json_is_object(body))
		return why_set(why, EINVAL, "the body must be a JSON object, but is %s", type_name(body));
	json_object_foreach(body, name, value) {
		if ((rc = read_member(name, value, r, why)) < 0)
			return rc;
	}
	if (r->platform == PLATFORM_COUNT && (rc = find_platform(r, why)) < 0)
		return rc;
	return trigger_request_check(r, why);
}

int
trigger_request_read(const char *json, size_t len, struct trigger_request *ret, struct why *why)
{
	struct trigger_request request = { .platform = PLATFORM_COUNT };	/* not named yet */
	scoped_json *body = NULL;
	int rc;

	if (len == 0)
		return why_set(why, EINVAL, "the body is empty; send a JSON object with at least \"url\"");
	rc = json_read(json, len, &body, why);
	if (rc < 0) {
		why_prefix(why, "the body");
		return -EINVAL;
	}
	rc = read_object(body, &request, why);
	if (rc == 0)
		*ret = request;
	return rc;
}

static const char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

void
trigger_request_write(struct json_out *o, const struct trigger_request *r)
{
	json_out_open(o);
	json_out_member(o, "dataset_id", r->dataset_id);
	json_out_member(o, "platform", platform_of(r->platform)->name);
	json_out_member(o, "competitor", text_or_null(r->competitor));
	json_out_member(o, "brand", text_or_null(r->brand));
	json_out_member(o, "category", text_or_null(r->category));
	json_out_member(o, "url", r->url);
	json_out_member(o, "start_date", text_or_null(r->start_date));
	json_out_member(o, "end_date", text_or_null(r->end_date));
	json_out_member_bool(o, "include_profile_data", r->include_profile_data);
	json_out_key(o, "num_of_posts");
	if (r->num_of_posts > 0)
		json_out_int(o, r->num_of_posts);
	else
		json_out_null(o);
	json_out_close(o);
}
