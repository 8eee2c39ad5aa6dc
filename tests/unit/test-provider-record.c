/*
 * test-provider-record.c - which records are posts, and what counts as media on each
 * platform, with the shapes in which Bright Data was seen to send them.
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
#include "base/json_stream.h"
#include "base/mem.h"
#include "base/why.h"
#include "model/platform.h"
#include "provider/brightdata.h"

/* Counts text as a snapshot of a platform. */
static struct record_counts
count(enum platform_id platform, const char *text)
{
	struct record_counter counter;
	struct json_stream *stream;
	struct why why = { "" };

	record_counter_init(&counter, provider_brightdata.record_form(platform));
	stream = json_stream_new(counter.names, counter.name_count, record_counter_on_record, &counter);
	if (json_stream_feed(stream, text, strlen(text), &why) < 0 || json_stream_end(stream, &why) < 0)
		fail_msg("%s: %s", text, why.text);
	json_stream_free(stream);
	return counter.total;
}

struct media_case {
	const char *record;
	uint64_t    media;
};

static void
check_media(enum platform_id platform, const struct media_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct record_counts c = count(platform, cases[i].record);

		if (c.media != cases[i].media || c.posts != 1 || c.errors != 0 || c.others != 0)
			fail_msg("%s: %d media, %d posts, %d errors", cases[i].record, (int)c.media,
			    (int)c.posts, (int)c.errors);
	}
}

static void
facebook_counts_attachments_only(void **state)
{
	static const struct media_case cases[] = {
		{ "{\"post_id\":\"1\",\"attachments\":[{\"id\":\"a\",\"type\":\"Photo\"}]}", 1 },
		{ "{\"post_id\":7174220819291279,\"attachments\":[{},{},{},{},{}]}", 5 },
		{ "{\"post_id\":\"1\",\"attachments\":[]}", 0 },
		{ "{\"post_id\":\"1\",\"attachments\":null}", 0 },
		{ "{\"post_id\":\"1\",\"attachments\":\"\"}", 0 },
		{ "{\"post_id\":\"1\",\"attachments\":\"https://x/y.jpg\"}", 0 },
		{ "{\"post_id\":\"1\",\"attachments\":{\"0\":{}}}", 0 },
		{ "{\"post_id\":\"1\",\"attachments\":3}", 0 },
		{ "{\"post_id\":\"1\"}", 0 },
		{ "{\"post_id\":\"1\",\"attachments\":[{},{}],\"post_image\":\"u\",\"avatar_image_url\":\"v\"}", 2 },
		{ "{\"post_id\":\"1\",\"attachments\":[],\"original_post\":{\"attachments\":[{},{}]}}", 0 },
		/* duplicates inside an array count as often as they stand there */
		{ "{\"post_id\":\"1\",\"attachments\":[{\"id\":\"a\"},{\"id\":\"a\"}]}", 2 },
		/* attachments of attachments are not the post's */
		{ "{\"post_id\":\"1\",\"attachments\":[{\"attachments\":[1,2,3]}]}", 1 },
	};

	(void)state;
	check_media(PLATFORM_FACEBOOK, cases, countof(cases));
}

static void
instagram_prefers_the_carousel_then_videos_then_photos(void **state)
{
	static const struct media_case cases[] = {
		{ "{\"post_id\":\"1\",\"post_content\":[{},{},{}],\"photos\":[\"a\"],\"videos\":[\"b\"]}", 3 },
		{ "{\"post_id\":\"1\",\"post_content\":[],\"photos\":[\"a\",\"b\"]}", 2 },
		{ "{\"post_id\":\"1\",\"content_type\":\"Image\",\"photos\":[\"a\"],\"images\":[{},{}]}", 1 },
		{ "{\"post_id\":\"1\",\"content_type\":\"Reel\",\"photos\":[\"cover\"],\"thumbnail\":\"t\"}", 1 },
		{ "{\"post_id\":\"1\",\"content_type\":\"reel\",\"videos\":[\"a\",\"b\"],\"photos\":[\"cover\"]}", 2 },
		{ "{\"post_id\":\"1\",\"content_type\":\"Video\",\"videos\":null}", 1 },
		{ "{\"post_id\":\"1\",\"content_type\":\"Carousel\",\"videos\":[\"a\"],\"photos\":[\"x\",\"y\"]}", 1 },
		{ "{\"post_id\":\"1\",\"post_content\":null,\"photos\":null,\"videos\":null}", 0 },
		{ "{\"post_id\":\"1\",\"post_content\":\"\",\"photos\":\"\",\"videos\":\"\"}", 0 },
		{ "{\"post_id\":\"1\",\"photos\":\"https://a\",\"videos\":\"https://b\"}", 0 },
		{ "{\"post_id\":\"1\"}", 0 },
	};

	(void)state;
	check_media(PLATFORM_INSTAGRAM, cases, countof(cases));
}

static void
tiktok_counts_slides_or_one_video(void **state)
{
	static const struct media_case cases[] = {
		{ "{\"post_id\":\"1\",\"carousel_images\":[\"a\",\"b\",\"c\"],\"video_url\":\"v\"}", 3 },
		{ "{\"post_id\":\"1\",\"carousel_images\":[],\"video_url\":\"https://v\"}", 1 },
		{ "{\"post_id\":\"1\",\"carousel_images\":null,\"cdn_url\":\"https://v\"}", 1 },
		{ "{\"post_id\":\"1\",\"video_url\":\"v\",\"cdn_url\":\"w\",\"post_type\":\"video\"}", 1 },
		{ "{\"post_id\":\"1\",\"video_url\":null,\"cdn_url\":\"\",\"post_type\":\"video\"}", 1 },
		{ "{\"post_id\":\"1\",\"video_url\":\"\",\"cdn_url\":null,\"post_type\":\"photo\"}", 0 },
		{ "{\"post_id\":\"1\",\"carousel_images\":\"a\",\"preview_image\":\"p\"}", 0 },
		{ "{\"post_id\":\"1\"}", 0 },
	};

	(void)state;
	check_media(PLATFORM_TIKTOK, cases, countof(cases));
}

static void
youtube_counts_one_for_a_video_id(void **state)
{
	static const struct media_case cases[] = {
		{ "{\"video_id\":\"dQw4\",\"video_url\":null}", 1 },
		{ "{\"video_id\":\"dQw4\",\"preview_image\":\"p\",\"recommended_videos\":[1,2]}", 1 },
		{ "{\"video_id\":\"\",\"shortcode\":\"a\",\"video_url\":\"v\"}", 0 },
	};

	(void)state;
	check_media(PLATFORM_YOUTUBE, cases, countof(cases));
}

static void
linkedin_counts_images_videos_and_a_lone_document(void **state)
{
	static const struct media_case cases[] = {
		{ "{\"id\":\"7\",\"images\":[\"a\",\"b\"],\"videos\":null}", 2 },
		{ "{\"id\":7,\"images\":null,\"videos\":[\"v\"]}", 1 },
		{ "{\"id\":\"7\",\"images\":[\"a\"],\"videos\":[\"v\"]}", 2 },
		{ "{\"id\":\"7\",\"images\":[\"a\"],\"document_cover_image\":\"c\"}", 1 },
		{ "{\"id\":\"7\",\"images\":[],\"document_cover_image\":\"c\"}", 1 },
		{ "{\"id\":\"7\",\"videos\":[\"v\"],\"document_cover_image\":\"c\"}", 2 },
		{ "{\"id\":\"7\",\"images\":null,\"document_cover_image\":\"\"}", 0 },
		{ "{\"id\":\"7\",\"repost\":{\"images\":[1]},\"repost_attachments\":[1,2]}", 0 },
		{ "{\"id\":\"7\",\"images\":\"a\",\"videos\":\"b\"}", 0 },
	};

	(void)state;
	check_media(PLATFORM_LINKEDIN, cases, countof(cases));
}

static void
x_and_reddit_count_photos_and_videos(void **state)
{
	static const struct media_case cases[] = {
		{ "{\"id\":\"1\",\"post_id\":\"1\",\"photos\":[\"a\",\"b\"],\"videos\":[\"v\"]}", 3 },
		{ "{\"id\":\"1\",\"post_id\":\"1\",\"photos\":null,\"videos\":[{\"video_url\":\"v\",\"duration\":3}]}", 1 },
		{ "{\"id\":1,\"post_id\":1,\"photos\":[\"a\"],\"videos\":null}", 1 },
		{ "{\"id\":\"1\",\"post_id\":\"1\",\"photos\":null,\"external_image_urls\":[1,2]}", 0 },
		{ "{\"id\":\"1\",\"post_id\":\"1\",\"photos\":\"\",\"quoted_post\":{\"photos\":[1]}}", 0 },
		{ "{\"id\":\"1\",\"post_id\":\"1\"}", 0 },
	};

	(void)state;
	check_media(PLATFORM_X, cases, countof(cases));
	check_media(PLATFORM_REDDIT, cases, countof(cases));
}

/* One record each: 'p'ost, 'e'rror row or 'o'ther. */
static void
a_record_is_what_it_proves_to_be(void **state)
{
	static const struct {
		enum platform_id platform;
		char kind;
		const char *record;
	} rows[] = {
		{ PLATFORM_FACEBOOK, 'e', "{\"error\":\"4XX page - dead page.\",\"error_code\":\"dead_page\",\"input\":{}}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"error\":\"Crawl failed\",\"attachments\":[1,2]}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"error_code\":\"blocked\",\"error\":null}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"error_code\":\"blocked\",\"error\":false}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"error\":\"x\",\"post_id\":\"1\",\"attachments\":[1]}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"error\":true,\"post_id\":\"1\"}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"error\":{\"code\":1}}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"error\":404}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"warning\":\"no posts found\",\"warning_code\":\"dead_page\"}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"warning_code\":\"dead_page\",\"post_id\":null}" },
		{ PLATFORM_FACEBOOK, 'e', "{\"warning\":\"w\",\"post_id\":\"\"}" },
		/* no error */
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"1\",\"error\":null,\"error_code\":null}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"1\",\"error\":false,\"error_code\":false,\"warning\":false}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"1\",\"error\":\"\",\"error_code\":\"\"}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"1\",\"error\":\" \\n\",\"error_code\":0}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"1\",\"error\":[],\"error_code\":{},\"warning\":null}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"1\",\"warning\":\"something small\",\"warning_code\":\"partial\"}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"1\",\"original_post\":{\"error\":\"inner\"}}" },
		/* ids */
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":17,\"warning\":\"something small\"}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"pfbid0x\"}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"0\"}" },
		{ PLATFORM_FACEBOOK, 'p', "{\"post_id\":\"0123456789012345678901234567890123456789\"}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":\"  \"}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":\"null\"}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":\"None\"}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":0}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":-0.0e7}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":true}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":[\"1\"]}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":{\"id\":\"1\"}}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"id\":\"1\",\"shortcode\":\"a\",\"original_post\":{\"post_id\":\"1\"}}" },
		{ PLATFORM_FACEBOOK, 'o', "{\"post_id\":null,\"page_name\":\"a profile row\",\"about\":[{\"type\":\"x\"}]}" },
		{ PLATFORM_INSTAGRAM, 'p', "{\"shortcode\":\"AAA\"}" },
		{ PLATFORM_INSTAGRAM, 'p', "{\"post_id\":\"\",\"pk\":3141}" },
		{ PLATFORM_INSTAGRAM, 'o', "{\"post_id\":\"\",\"shortcode\":null,\"pk\":0,\"photos\":[\"a\"]}" },
		{ PLATFORM_TIKTOK, 'p', "{\"post_id\":\"7\"}" },
		{ PLATFORM_TIKTOK, 'o', "{\"id\":\"7\",\"video_url\":\"v\"}" },
		{ PLATFORM_YOUTUBE, 'p', "{\"video_id\":\"v\"}" },
		{ PLATFORM_YOUTUBE, 'p', "{\"shortcode\":\"v\"}" },
		{ PLATFORM_YOUTUBE, 'o', "{\"post_type\":\"post\",\"video_url\":\"v\"}" },
		{ PLATFORM_LINKEDIN, 'p', "{\"id\":\"a-slug%20of-an-article\"}" },
		{ PLATFORM_LINKEDIN, 'o', "{\"id\":null,\"url\":\"https://www.linkedin.com/in/x\"}" },
		{ PLATFORM_X, 'p', "{\"id\":\"1\"}" },
		{ PLATFORM_X, 'o', "{\"id\":null,\"quoted_post\":{\"id\":\"1\"}}" },
		{ PLATFORM_REDDIT, 'p', "{\"post_id\":\"t3_a\"}" },
		{ PLATFORM_REDDIT, 'o', "{\"comments\":[{\"post_id\":\"t3_a\"}],\"post_id\":\"\"}" },
		/* no objects */
		{ PLATFORM_FACEBOOK, 'o', "null" },
		{ PLATFORM_FACEBOOK, 'o', "{}" },
		{ PLATFORM_FACEBOOK, 'o', "7" },
		{ PLATFORM_FACEBOOK, 'o', "\"post_id\"" },
		{ PLATFORM_FACEBOOK, 'o', "true" },
		{ PLATFORM_FACEBOOK, 'o', "[{\"post_id\":\"1\"}]" },
	};
	char array[256];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct record_counts c;

		(void)snprintf(array, sizeof(array), "[%s]", rows[i].record);
		c = count(rows[i].platform, array);
		if (c.posts != (rows[i].kind == 'p') || c.errors != (rows[i].kind == 'e') ||
		    c.others != (rows[i].kind == 'o') || (rows[i].kind != 'p' && c.media != 0))
			fail_msg("not '%c': %s", rows[i].kind, rows[i].record);
	}
}

#define POST  "{\"post_id\":\"1\",\"attachments\":[{\"id\":\"a\"},{\"id\":\"b\"}]}"
#define ERROR "{\"error\":\"e\"}"

/* However the records lie in the text. */
static void
every_form_of_a_snapshot_counts_alike(void **state)
{
	static const struct {
		const char *text;
		struct record_counts counts;	/* posts, media, errors, others */
	} rows[] = {
		{ "[" POST "," ERROR "," POST ",null]", { 2, 4, 1, 1 } },
		{ POST "\n" ERROR "\n" POST "\nnull\n", { 2, 4, 1, 1 } },
		{ "[" POST "]\n[" ERROR "," POST "]", { 2, 4, 1, 0 } },
		{ POST "\n[" ERROR "," POST "]\n" POST, { 3, 6, 1, 0 } },
		{ "\xEF\xBB\xBF[" POST "]", { 1, 2, 0, 0 } },
		{ "\xEF\xBB\xBF" POST "\r\n" POST "\r\n", { 2, 4, 0, 0 } },
		{ "[]", { 0, 0, 0, 0 } },
		{ "", { 0, 0, 0, 0 } },
		{ "[][]", { 0, 0, 0, 0 } },
		{ ERROR, { 0, 0, 1, 0 } },
		/* an envelope */
		{ "{\"data\":[" POST "," ERROR ",null]}", { 1, 2, 1, 1 } },
		{ "{\"status\":\"ok\",\"error\":null,\"rows\":[" POST "],\"meta\":{\"n\":[1]}}", { 1, 2, 0, 0 } },
		{ "{\"data\":[" ERROR "]}", { 0, 0, 1, 0 } },
		{ "{\"data\":[]}", { 0, 0, 0, 0 } },
		{ "{\"data\":[" POST "]}\n{\"data\":[" POST "," POST "]}\n", { 3, 6, 0, 0 } },
		{ "{\"error\":\"the last page is missing\",\"data\":[" POST "]}", { 1, 2, 0, 0 } },
		/* none */
		{ "{\"post_id\":null,\"page_name\":\"Ann\",\"about\":[{\"type\":\"x\"},{\"type\":\"y\"}]}", { 0, 0, 0, 1 } },
		{ "{\"post_id\":null,\"page_name\":\"Ann\",\"about\":[]}", { 0, 0, 0, 1 } },
		{ "{\"error\":\"e\",\"data\":[]}", { 0, 0, 1, 0 } },
		{ "{\"a\":[" POST "],\"b\":[]}", { 0, 0, 0, 1 } },
		{ "{\"data\":{\"rows\":[" POST "]}}", { 0, 0, 0, 1 } },
		{ "[{\"data\":[" POST "]}]", { 0, 0, 0, 1 } },
		{ "{\"post_id\":\"1\",\"attachments\":[" POST "]}", { 1, 1, 0, 0 } },
		{ "{\"x\":[" POST "]}\n" POST, { 2, 4, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct record_counts c = count(PLATFORM_FACEBOOK, rows[i].text);

		if (memcmp(&c, &rows[i].counts, sizeof(c)) != 0)
			fail_msg("%s: %d posts, %d media, %d errors, %d others", rows[i].text, (int)c.posts,
			    (int)c.media, (int)c.errors, (int)c.others);
		assert_int_equal(record_counts_rows(&c), c.posts + c.errors + c.others);
	}
}

static void
platforms_are_found_by_name_in_any_case(void **state)
{
	enum platform_id id;
	char names[200] = "";
	size_t len = 0;

	(void)state;
	for (int i = 0; i < PLATFORM_COUNT; i++) {
		const struct platform *p = platform_of((enum platform_id)i);
		const struct record_form *form = provider_brightdata.record_form((enum platform_id)i);

		assert_int_equal(platform_find(p->name, &id), 0);
		assert_int_equal(id, i);
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i > 0 ? ", " : "", p->name);
		assert_int_equal(strncmp(provider_brightdata.rules->dataset_id((enum platform_id)i), "gd_", 3), 0);
		assert_non_null(form->count_media);
		assert_in_range(form->ids, 1, 3);
		assert_non_null(form->watch[form->ids - 1]);
	}
	assert_string_equal(names, PLATFORM_NAMES);
	assert_int_equal(platform_find("FaceBook", &id), 0);
	assert_int_equal(id, PLATFORM_FACEBOOK);
	assert_int_equal(platform_find("Twitter", &id), 0);
	assert_int_equal(id, PLATFORM_X);
	assert_int_equal(platform_find("myspace", &id), -ENOENT);
	assert_int_equal(platform_find("", &id), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facebook_counts_attachments_only),
		cmocka_unit_test(instagram_prefers_the_carousel_then_videos_then_photos),
		cmocka_unit_test(tiktok_counts_slides_or_one_video),
		cmocka_unit_test(youtube_counts_one_for_a_video_id),
		cmocka_unit_test(linkedin_counts_images_videos_and_a_lone_document),
		cmocka_unit_test(x_and_reddit_count_photos_and_videos),
		cmocka_unit_test(a_record_is_what_it_proves_to_be),
		cmocka_unit_test(every_form_of_a_snapshot_counts_alike),
		cmocka_unit_test(platforms_are_found_by_name_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
