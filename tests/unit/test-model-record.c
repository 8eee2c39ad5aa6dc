/*
 * test-model-record.c - which records are posts, and what counts as media on each
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
#include "model/record.h"

/* Counts text as a snapshot of a platform. */
static struct record_counter
count(enum platform_id platform, const char *text)
{
	struct record_counter counter;
	struct json_stream *stream;
	struct why why = { "" };

	record_counter_init(&counter, platform);
	stream = json_stream_new(counter.names, counter.name_count, record_counter_on_record, &counter);
	if (json_stream_feed(stream, text, strlen(text), &why) < 0 || json_stream_end(stream, &why) < 0)
		fail_msg("%s: %s", text, why.text);
	json_stream_free(stream);
	return counter;
}

struct media_case {
	const char *record;
	uint64_t    media;
};

static void
check_media(enum platform_id platform, const struct media_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct record_counter c = count(platform, cases[i].record);

		if (c.media != cases[i].media || c.posts != 1 || c.errors != 0)
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
		{ "{\"video_id\":\"\",\"video_url\":\"v\"}", 0 },
		{ "{\"video_id\":null}", 0 },
		{ "{\"post_type\":\"post\"}", 0 },
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

static void
errors_and_bare_warnings_are_no_posts(void **state)
{
	static const char *const errors[] = {
		"{\"error\":\"4XX page - dead page.\",\"error_code\":\"dead_page\",\"input\":{\"url\":\"u\"}}",
		"{\"error\":\"Crawl failed\",\"attachments\":[1,2]}",
		"{\"error_code\":\"blocked\",\"error\":null}",
		"{\"error\":\"x\",\"post_id\":\"1\",\"attachments\":[1]}",
		"{\"warning\":\"no posts found\",\"warning_code\":\"dead_page\"}",
		"{\"warning_code\":\"dead_page\",\"post_id\":null}",
		"{\"warning\":\"w\",\"post_id\":\"\"}",
		"{\"error\":{\"code\":1}}",
	};
	static const char *const posts[] = {
		"{\"post_id\":\"1\",\"error\":null,\"error_code\":null}",
		"{\"post_id\":\"1\",\"error\":\"\",\"error_code\":\"\"}",
		"{\"post_id\":\"1\",\"error\":[],\"warning\":null}",
		"{\"post_id\":\"1\",\"warning\":\"something small\",\"warning_code\":\"partial\"}",
		"{\"post_id\":17,\"warning\":\"something small\"}",
		"{\"url\":\"https://www.facebook.com/profile\",\"page_name\":\"a profile row\"}",
		"{\"post_id\":\"1\",\"original_post\":{\"error\":\"inner\"}}",
	};

	(void)state;
	for (size_t i = 0; i < countof(errors); i++) {
		struct record_counter c = count(PLATFORM_FACEBOOK, errors[i]);

		if (c.errors != 1 || c.posts != 0 || c.media != 0)
			fail_msg("not an error row: %s", errors[i]);
	}
	for (size_t i = 0; i < countof(posts); i++) {
		struct record_counter c = count(PLATFORM_FACEBOOK, posts[i]);

		if (c.errors != 0 || c.posts != 1)
			fail_msg("not a post: %s", posts[i]);
	}
}

static void
totals_add_up_over_arrays_and_lines(void **state)
{
	static const char array[] = "[{\"post_id\":\"1\",\"attachments\":[1,2]},"
	    "{\"error\":\"e\"},{\"post_id\":\"2\",\"attachments\":[3]}]";
	static const char lines[] = "{\"post_id\":\"1\",\"attachments\":[1,2]}\n"
	    "{\"error\":\"e\"}\n{\"post_id\":\"2\",\"attachments\":[3]}\n";
	const char *const texts[] = { array, lines };

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		struct record_counter c = count(PLATFORM_FACEBOOK, texts[i]);

		assert_int_equal(c.posts, 2);
		assert_int_equal(c.media, 3);
		assert_int_equal(c.errors, 1);
	}
	assert_int_equal(count(PLATFORM_X, "[]").posts, 0);
	assert_int_equal(count(PLATFORM_X, "").posts, 0);
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

		assert_int_equal(platform_find(p->name, &id), 0);
		assert_int_equal(id, i);
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i > 0 ? ", " : "", p->name);
		assert_int_equal(strncmp(p->dataset_id, "gd_", 3), 0);
		assert_non_null(p->count_media);
		assert_non_null(p->watch[0]);
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
		cmocka_unit_test(errors_and_bare_warnings_are_no_posts),
		cmocka_unit_test(totals_add_up_over_arrays_and_lines),
		cmocka_unit_test(platforms_are_found_by_name_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
