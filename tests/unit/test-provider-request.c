/*
 * test-provider-request.c - which trigger bodies are taken and which are refused with
 * what words, the canonical text, and the provider's input row of each platform.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/why.h"
#include "provider/brightdata.h"
#include "provider/brightdata_platform.h"

static const struct provider *const us = &provider_brightdata;

#define FB "\"url\":\"https://www.facebook.com/nike\""

static struct trigger_request
read_good(const char *body)
{
	struct trigger_request r;
	struct why why = { "" };

	if (provider_request_read(us->rules, body, strlen(body), &r, &why) != 0)
		fail_msg("%s\nrefused: %s", body, why.text);
	return r;
}

static void
check_canonical(const struct trigger_request *r, const char *expected)
{
	struct json_out o;
	size_t len;

	json_out_init(&o);
	trigger_request_write(&o, r);
	assert_string_equal(json_out_text(&o, &len), expected);
	assert_int_equal(len, strlen(expected));
	json_out_done(&o);
}

static void
check_input(const char *body, const char *expected)
{
	struct trigger_request r = read_good(body);
	struct json_out o;
	size_t len;

	json_out_init(&o);
	brightdata_write_input(&o, &r);
	assert_string_equal(json_out_text(&o, &len), expected);
	json_out_done(&o);
}

static const struct bad {
	const char *body;
	const char *says;
} bad[] = {
	{ "", "the body is empty" },
	{ "   ", "the body: " },
	{ "{", "the body: " },
	{ "{" FB "} x", "the body: " },
	{ "{" FB ",}", "the body: " },
	{ "{'url':'https://a.b'}", "the body: " },
	{ "{" FB ",\"url\":\"https://b.c\"}", "the body: " },
	{ "{" FB ",\"brand\":\"a\\u0000b\"}", "the body: " },
	{ "{" FB ",\"brand\":\"\xff\"}", "the body: " },
	{ "[]", "must be a JSON object, but is an array" },
	{ "\"x\"", "the body" },
	{ "null", "the body" },
	{ "7", "the body" },
	{ "[{" FB "}]", "but is an array" },
	/* members */
	{ "{" FB ",\"ulr\":1}", "\"ulr\" is not a member of a trigger request; allowed are dataset_id, platform" },
	{ "{" FB ",\"URL\":\"x\"}", "\"URL\" is not a member" },
	{ "{" FB ",\"\":1}", "\"\" is not a member" },
	{ "{" FB ",\"limit\":5}", "num_of_posts" },
	{ "{" FB ",\"a\\nb\":5}", "\"a\\x0ab\" is not a member" },
	/* url */
	{ "{}", "url: is missing" },
	{ "{\"url\":\"\"}", "url: is missing" },
	{ "{\"url\":null}", "url: is missing" },
	{ "{\"url\":7}", "url: must be a string, but is a number" },
	{ "{\"url\":[\"https://a.b\"]}", "url: must be a string, but is an array" },
	{ "{\"url\":\"www.facebook.com/nike\"}", "url: must begin with https:// or http://" },
	{ "{\"url\":\"ftp://a.b/c\"}", "url: must begin with" },
	{ "{\"url\":\"javascript:alert(1)\"}", "url: must begin with" },
	{ "{\"url\":\"file:///etc/passwd\"}", "url: must begin with" },
	{ "{\"url\":\" https://a.b\"}", "url: must begin with" },
	{ "{\"url\":\"https://\"}", "url: names no host" },
	{ "{\"url\":\"https:///path\"}", "url: names no host" },
	{ "{\"url\":\"https://:80/\"}", "url: names no host" },
	{ "{\"url\":\"https://.../\"}", "url: has a host name with characters" },
	{ "{\"url\":\"https://a b.c\"}", "url: must not contain spaces" },
	{ "{\"url\":\"https://a.b/c d\"}", "url: must not contain spaces" },
	{ "{\"url\":\"https://a.b/\\n\"}", "url: must not contain control characters" },
	{ "{\"url\":\"https://a.b/\\u007f\"}", "url: must not contain control characters" },
	{ "{\"url\":\"https://a.b/\\u0085\"}", "url: must not contain control characters" },
	{ "{\"url\":\"https://a.b\\\\@c.d\"}", "url: must not contain a backslash" },
	{ "{\"url\":\"https://user:pw@a.b/\"}", "url: must not contain a user name" },
	{ "{\"url\":\"https://user@a.b/\"}", "url: must not contain a user name" },
	{ "{\"url\":\"https://a.b:0/\"}", "url: has a port" },
	{ "{\"url\":\"https://a.b:65536/\"}", "url: has a port" },
	{ "{\"url\":\"https://a.b:x/\"}", "url: has a port" },
	{ "{\"url\":\"https://[::1/\"}", "url: has no valid IPv6 address" },
	{ "{\"url\":\"https://[nope]/\"}", "url: has no valid IPv6 address" },
	{ "{\"url\":\"https://a%2fb/\"}", "url: has a host name with characters" },
	/* hosts */
	{ "{\"url\":\"https://example.com/nike\"}", "url: example.com is a host of no platform that is known; known are "
	    PLATFORM_NAMES },
	{ "{\"url\":\"https://127.0.0.1/nike\"}", "url: 127.0.0.1 is a host of no platform" },
	{ "{\"url\":\"https://[::1]/nike\"}", "url: ::1 is a host of no platform" },
	{ "{\"url\":\"https://www.facebook.com.example.org/x\"}", "www.facebook.com.example.org is a host of no platform" },
	{ "{\"url\":\"https://notfacebook.com/x\"}", "url: notfacebook.com is a host of no platform" },
	{ "{\"url\":\"https://netflix.com/x\"}", "url: netflix.com is a host of no platform" },
	{ "{\"url\":\"https://example.com/?https://www.facebook.com/x\"}", "url: example.com is a host of no platform" },
	{ "{\"platform\":\"facebook\",\"url\":\"https://example.com\"}",
	    "url: example.com is no host of facebook; its pages are at facebook.com, fb.com or fb.watch" },
	{ "{\"platform\":\"tiktok\",\"num_of_posts\":1,\"url\":\"https://com/x\"}",
	    "url: com is no host of tiktok; its pages are at tiktok.com" },
	{ "{\"platform\":\"facebook\",\"url\":\"https://m.youtube.com/@a\"}",
	    "url: m.youtube.com is a host of youtube, but the platform is facebook; correct one of them" },
	{ "{\"url\":\"https://x.com/a\",\"dataset_id\":\"gd_lkaxegm826bjpoo9m5\"}", "is the data set of facebook, but the platform is x" },
	{ "{\"url\":\"https://www.instagram.com/a\"}", "num_of_posts: is required for instagram" },
	/* texts */
	{ "{" FB ",\"dataset_id\":7}", "dataset_id: must be a string, but is a number" },
	{ "{" FB ",\"dataset_id\":\"gd x\"}", "dataset_id: may contain letters, digits, _ and - only" },
	{ "{" FB ",\"dataset_id\":\"gd/../x\"}", "dataset_id: may contain" },
	{ "{" FB ",\"dataset_id\":\"gd_x&type=y\"}", "dataset_id: may contain" },
	{ "{" FB ",\"dataset_id\":\"gd_lwxkxvnf1cynvib9co\"}", "is the data set of x, but the platform is facebook" },
	{ "{" FB ",\"platform\":\"myspace\"}", "platform: \"myspace\" is not known; use one of facebook, instagram" },
	{ "{" FB ",\"platform\":true}", "platform: must be a string, but is true" },
	{ "{" FB ",\"platform\":{}}", "platform: must be a string, but is an object" },
	{ "{" FB ",\"competitor\":1.5}", "competitor: must be a string, but is a number with a fraction" },
	{ "{" FB ",\"competitor\":\"a\\tb\"}", "competitor: must not contain control characters" },
	{ "{" FB ",\"brand\":false}", "brand: must be a string, but is false" },
	{ "{" FB ",\"category\":\"a\\u0090\"}", "category: must not contain control characters" },
	/* dates */
	{ "{" FB ",\"start_date\":20240101}", "start_date: must be a string, but is a number" },
	{ "{" FB ",\"start_date\":\"01-31-2024\"}", "start_date: \"01-31-2024\" is not a day of the calendar" },
	{ "{" FB ",\"start_date\":\"2024-1-1\"}", "start_date: \"2024-1-1\" is not a day" },
	{ "{" FB ",\"end_date\":\"2023-02-29\"}", "end_date: \"2023-02-29\" is not a day" },
	{ "{" FB ",\"end_date\":\"2024-13-01\"}", "end_date: " },
	{ "{" FB ",\"end_date\":\"2024-04-31\"}", "end_date: " },
	{ "{" FB ",\"end_date\":\"2024-00-10\"}", "end_date: " },
	{ "{" FB ",\"end_date\":\"2024-04-01T00:00:00Z\"}", "end_date: " },
	{ "{" FB ",\"end_date\":\"2024-04-01 \"}", "end_date: " },
	{ "{" FB ",\"start_date\":\"2024-02-02\",\"end_date\":\"2024-02-01\"}",
	    "start_date: 2024-02-02 is after end_date 2024-02-01" },
	/* include_profile_data, num_of_posts */
	{ "{" FB ",\"include_profile_data\":\"true\"}", "include_profile_data: must be true or false, but is a string" },
	{ "{" FB ",\"include_profile_data\":1}", "include_profile_data: must be true or false, but is a number" },
	{ "{" FB ",\"num_of_posts\":true}", "num_of_posts: must be a whole number, but is true" },
	{ "{" FB ",\"num_of_posts\":\"10\"}", "num_of_posts: must be a whole number, but is a string" },
	{ "{" FB ",\"num_of_posts\":1.5}", "num_of_posts: must be a whole number, but is a number with a fraction" },
	{ "{" FB ",\"num_of_posts\":1e3}", "num_of_posts: must be a whole number" },
	{ "{" FB ",\"num_of_posts\":0}", "num_of_posts: is 0, allowed are 1 to 1000000" },
	{ "{" FB ",\"num_of_posts\":-3}", "num_of_posts: is -3, allowed are" },
	{ "{" FB ",\"num_of_posts\":1000001}", "num_of_posts: is 1000001, allowed are" },
	{ "{" FB ",\"num_of_posts\":99999999999999999999}", "the body: " },
	/* discoveries need a bound */
	{ "{\"url\":\"https://x.com/nike\",\"platform\":\"x\"}", "num_of_posts: is required for x" },
	{ "{\"url\":\"https://www.instagram.com/nike\",\"platform\":\"instagram\",\"num_of_posts\":null}",
	    "num_of_posts: is required for instagram" },
	{ "{\"url\":\"https://www.reddit.com/r/x\",\"platform\":\"reddit\"}", "without it the collection has no bound" },
	{ "{\"url\":\"https://www.linkedin.com/in/x\",\"platform\":\"linkedin\"}", "num_of_posts: is required" },
};

static void
bad_bodies_are_refused_with_the_member_and_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct trigger_request r;
		struct why why = { "" };

		memset(&r, 0x55, sizeof(r));
		assert_int_equal(provider_request_read(us->rules, bad[i].body, strlen(bad[i].body), &r, &why), -EINVAL);
		if (strstr(why.text, bad[i].says) == NULL)
			fail_msg("%s\nsaid: %s\nwanted: %s", bad[i].body, why.text, bad[i].says);
		/* an out argument is set on success only */
		assert_int_equal(r.url[0], 0x55);
	}
}

static void
texts_are_taken_up_to_their_limit(void **state)
{
	static const struct {
		const char *name, *start;
		size_t limit;
	} rows[] = {
		{ "dataset_id", "", 64 }, { "competitor", "", 256 }, { "brand", "", 256 },
		{ "category", "", 256 }, { "url", "https://fb.com/", 2048 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (int over = 0; over < 2; over++) {
			char value[2100], body[4096];
			struct trigger_request r;
			struct why why = { "" };
			size_t len = rows[i].limit + (size_t)over;

			memset(value, 'x', sizeof(value));
			memcpy(value, rows[i].start, strlen(rows[i].start));
			value[len] = '\0';
			(void)snprintf(body, sizeof(body), "{%s\"%s\":\"%s\"}",
			    strcmp(rows[i].name, "url") == 0 ? "" : FB ",", rows[i].name, value);
			assert_int_equal(provider_request_read(us->rules, body, strlen(body), &r, &why),
			    over ? -EINVAL : 0);
			if (over) {
				assert_non_null(strstr(why.text, rows[i].name));
				assert_non_null(strstr(why.text, "are allowed"));
			}
		}
	}
}

static void
a_deep_or_huge_body_is_refused(void **state)
{
	scoped_free char *body = xmalloc(JSON_DOC_MAX + 2);
	struct trigger_request r;
	struct why why = { "" };

	(void)state;
	memset(body, '[', 5000);
	assert_int_equal(provider_request_read(us->rules, body, 5000, &r, &why), -EINVAL);
	memset(body, ' ', JSON_DOC_MAX + 1);
	assert_int_equal(provider_request_read(us->rules, body, JSON_DOC_MAX + 1, &r, &why), -EINVAL);
	assert_non_null(strstr(why.text, "the body: "));
	assert_int_equal(provider_request_read(us->rules, body, JSON_DOC_MAX + 1, &r, NULL), -EINVAL);
}

static void
only_url_is_needed_and_the_rest_has_defaults(void **state)
{
	struct trigger_request r = read_good("{" FB "}");

	(void)state;
	assert_int_equal(r.platform, PLATFORM_FACEBOOK);
	assert_string_equal(r.dataset_id, "gd_lkaxegm826bjpoo9m5");
	assert_string_equal(r.competitor, "");
	assert_string_equal(r.start_date, "");
	assert_false(r.include_profile_data);
	assert_int_equal(r.num_of_posts, 0);
}

static const char only_url[] = "{\"dataset_id\":\"gd_lkaxegm826bjpoo9m5\",\"platform\":\"facebook\","
    "\"competitor\":null,\"brand\":null,\"category\":null,\"url\":\"https://www.facebook.com/nike\","
    "\"start_date\":null,\"end_date\":null,\"include_profile_data\":false,\"num_of_posts\":null}";

static void
null_and_empty_text_count_as_not_given(void **state)
{
	struct trigger_request plain = read_good("{" FB "}");
	struct trigger_request nulls = read_good("{" FB ",\"dataset_id\":null,\"platform\":null,"
	    "\"competitor\":null,\"brand\":null,\"category\":null,\"start_date\":null,\"end_date\":null,"
	    "\"include_profile_data\":null,\"num_of_posts\":null}");
	struct trigger_request empty = read_good("{" FB ",\"dataset_id\":\"\",\"platform\":\"\","
	    "\"competitor\":\"\",\"brand\":\"\",\"category\":\"\",\"start_date\":\"\",\"end_date\":\"\"}");

	(void)state;
	check_canonical(&plain, only_url);
	check_canonical(&nulls, only_url);
	check_canonical(&empty, only_url);
}

static void
urls_that_people_paste_are_taken(void **state)
{
	static const char *const urls[] = {
		"https://www.facebook.com/GrowPLUScuaNutiFood/?locale=vi_VN",
		"HTTPS://WWW.Facebook.com/x", "http://facebook.com", "https://facebook.com:8443/a",
		"https://m.facebook.com/profile.php?id=1#top", "https://de-de.facebook.com./x", "https://fb.watch/a1/",
		"https://www.facebook.com/caf\xc3\xa9", "https://www.facebook.com/@nike/?u=a@b",
		"https://z\xc3\xbc.facebook.com/", "https://fb.com?x=1", "https://fb.com#x",
	};

	(void)state;
	for (size_t i = 0; i < countof(urls); i++) {
		char body[256];

		(void)snprintf(body, sizeof(body), "{\"url\":\"%s\"}", urls[i]);
		assert_string_equal(read_good(body).url, urls[i]);
	}
}

static void
the_host_tells_the_platform(void **state)
{
	static const struct {
		const char *host;
		enum platform_id platform;
	} rows[] = {
		{ "www.facebook.com", PLATFORM_FACEBOOK }, { "fb.com", PLATFORM_FACEBOOK }, { "fb.watch", PLATFORM_FACEBOOK },
		{ "web.facebook.com", PLATFORM_FACEBOOK }, { "www.instagram.com", PLATFORM_INSTAGRAM },
		{ "instagram.com", PLATFORM_INSTAGRAM }, { "www.tiktok.com", PLATFORM_TIKTOK }, { "vm.tiktok.com", PLATFORM_TIKTOK },
		{ "YouTube.com", PLATFORM_YOUTUBE }, { "youtu.be", PLATFORM_YOUTUBE }, { "m.youtube.com", PLATFORM_YOUTUBE },
		{ "vn.linkedin.com", PLATFORM_LINKEDIN }, { "x.com", PLATFORM_X }, { "twitter.com", PLATFORM_X },
		{ "mobile.twitter.com", PLATFORM_X }, { "old.reddit.com", PLATFORM_REDDIT }, { "redd.it", PLATFORM_REDDIT },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *name = platform_of(rows[i].platform)->name;
		char body[256];
		struct trigger_request r;

		(void)snprintf(body, sizeof(body), "{\"num_of_posts\":1,\"url\":\"https://%s/a\"}", rows[i].host);
		r = read_good(body);
		assert_int_equal(r.platform, rows[i].platform);
		assert_string_equal(r.dataset_id, us->rules->dataset_id(r.platform));
		(void)snprintf(body, sizeof(body), "{\"num_of_posts\":1,\"platform\":\"%s\",\"url\":\"https://%s/a\"}", name,
		    rows[i].host);
		assert_int_equal(read_good(body).platform, rows[i].platform);
	}
}

static void
canonical_text_is_the_same_for_the_same_request(void **state)
{
	static const char canonical[] = "{\"dataset_id\":\"gd_lkaxegm826bjpoo9m5\",\"platform\":\"facebook\","
	    "\"competitor\":\"Nutifood\",\"brand\":\"\xc4\x90\xe1\xba\xb7" "c\",\"category\":null,"
	    "\"url\":\"https://www.facebook.com/nike\",\"start_date\":\"2024-12-24\",\"end_date\":\"2024-12-24\","
	    "\"include_profile_data\":true,\"num_of_posts\":10}";
	struct trigger_request a = read_good("{\"num_of_posts\":10,\"include_profile_data\":true," FB
	    ",\"competitor\":\"Nutifood\",\"brand\":\"\\u0110\\u1eb7c\",\"start_date\":\"2024-12-24\","
	    "\"end_date\":\"2024-12-24\"}");
	struct trigger_request b = read_good(canonical);

	(void)state;
	check_canonical(&a, canonical);
	check_canonical(&b, canonical);
}

#define ASK(platform, url) \
	"{\"platform\":\"" platform "\",\"url\":\"" url "\",\"start_date\":\"2026-01-02\"," \
	"\"end_date\":\"2026-11-23\",\"num_of_posts\":25,\"include_profile_data\":true," \
	"\"competitor\":\"c\",\"brand\":\"b\",\"category\":\"k\"}"
#define US ",\"start_date\":\"01-02-2026\",\"end_date\":\"11-23-2026\""
#define ISO ",\"start_date\":\"2026-01-02\",\"end_date\":\"2026-11-23\""

static void
each_platform_gets_exactly_its_fields(void **state)
{
	(void)state;
	check_input(ASK("facebook", "https://fb.com/a"),
	    "{\"url\":\"https://fb.com/a\",\"num_of_posts\":25" US ",\"include_profile_data\":true}");
	check_input(ASK("instagram", "https://instagram.com/a"),
	    "{\"url\":\"https://instagram.com/a\",\"num_of_posts\":25" US "}");
	check_input(ASK("tiktok", "https://tiktok.com/a"),
	    "{\"url\":\"https://tiktok.com/a\",\"num_of_posts\":25" US "}");
	check_input(ASK("youtube", "https://youtube.com/a"),
	    "{\"url\":\"https://youtube.com/a\",\"num_of_posts\":25" US "}");
	check_input(ASK("linkedin", "https://linkedin.com/company/a"),
	    "{\"url\":\"https://linkedin.com/company/a\",\"limit\":25" ISO "}");
	check_input(ASK("x", "https://x.com/a"), "{\"url\":\"https://x.com/a\"" ISO "}");
	check_input(ASK("reddit", "https://reddit.com/r/a"), "{\"url\":\"https://reddit.com/r/a\"}");
	/* what was not given is left out, false as well */
	check_input("{" FB ",\"include_profile_data\":false}", "{" FB "}");
	check_input("{" FB ",\"start_date\":\"2024-02-29\"}", "{" FB ",\"start_date\":\"02-29-2024\"}");
	check_input("{" FB ",\"end_date\":\"2026-11-23\"}", "{" FB ",\"end_date\":\"11-23-2026\"}");
}

static void
the_call_discovers_and_bounds_as_the_platform_needs(void **state)
{
	static const struct {
		const char *body, *discover_by;
		uint32_t limit;
	} rows[] = {
		{ ASK("facebook", "https://fb.com/a"), NULL, 0 },
		{ ASK("instagram", "https://instagram.com/a"), "url", 0 },
		{ ASK("tiktok", "https://tiktok.com/a"), "profile_url", 0 },
		{ ASK("youtube", "https://youtube.com/a"), "url", 0 },
		{ ASK("linkedin", "https://www.linkedin.com/company/in"), "company_url", 0 },
		{ ASK("linkedin", "https://www.linkedin.com/in/someone/"), "profile_url", 0 },
		{ ASK("linkedin", "https://www.linkedin.com/company/a?from=/in/b"), "company_url", 0 },
		{ ASK("x", "https://x.com/a"), "profile_url", 25 },
		{ ASK("twitter", "https://x.com/a"), "profile_url", 25 },
		{ ASK("reddit", "https://reddit.com/r/a"), "subreddit_url", 25 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct trigger_request r = read_good(rows[i].body);
		const char *discover_by = brightdata_discover_by(&r);

		if (rows[i].discover_by == NULL)
			assert_null(discover_by);
		else
			assert_string_equal(discover_by, rows[i].discover_by);
		assert_int_equal(brightdata_query_limit(&r), rows[i].limit);
	}
}

static void
platform_and_data_set_may_be_named_together(void **state)
{
	struct trigger_request r;

	(void)state;
	r = read_good("{" FB ",\"platform\":\"FaceBook\",\"dataset_id\":\"gd_lkaxegm826bjpoo9m5\"}");
	assert_int_equal(r.platform, PLATFORM_FACEBOOK);
	r = read_good("{" FB ",\"dataset_id\":\"gd_lz11l67o2cb3r0lkj3\"}");
	assert_string_equal(r.dataset_id, "gd_lz11l67o2cb3r0lkj3");
	r = read_good("{\"dataset_id\":\"gd_lwxkxvnf1cynvib9co\",\"platform\":\"x\","
	    "\"url\":\"https://x.com/a\",\"num_of_posts\":1}");
	assert_int_equal(r.platform, PLATFORM_X);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_bodies_are_refused_with_the_member_and_the_reason),
		cmocka_unit_test(texts_are_taken_up_to_their_limit),
		cmocka_unit_test(a_deep_or_huge_body_is_refused),
		cmocka_unit_test(only_url_is_needed_and_the_rest_has_defaults),
		cmocka_unit_test(null_and_empty_text_count_as_not_given),
		cmocka_unit_test(urls_that_people_paste_are_taken),
		cmocka_unit_test(the_host_tells_the_platform),
		cmocka_unit_test(canonical_text_is_the_same_for_the_same_request),
		cmocka_unit_test(each_platform_gets_exactly_its_fields),
		cmocka_unit_test(the_call_discovers_and_bounds_as_the_platform_needs),
		cmocka_unit_test(platform_and_data_set_may_be_named_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
