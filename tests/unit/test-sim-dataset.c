/*
 * test-sim-dataset.c - what the simulated provider accepts and refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_out.h"
#include "sim/sim_dataset.h"

#define FACEBOOK "gd_lkaxegm826bjpoo9m5"
#define INSTAGRAM "gd_lk5ns7kz21pck8jpis"
#define LINKEDIN "gd_lyy3tktm25m4avu764"
#define TIKTOK "gd_lu702nij2f790tmv9h"
#define YOUTUBE "gd_lk56epmy2i5g7lzu0k"
#define REDDIT "gd_lvz8ah06191smkebj4"

static const struct sim_mode *
mode_of(const char *dataset, const char *discover_by)
{
	const struct dataset *d = dataset_find(dataset);
	const struct sim_mode *mode;
	char text[300];

	assert_non_null(d);
	mode = dataset_mode(d, discover_by ? "discover_new" : NULL, discover_by, text, sizeof text);
	assert_non_null(mode);
	return mode;
}

/* Checks a row and returns the pairs as text. */
static const char *
faults_of(const struct sim_mode *mode, const char *row)
{
	static char text[2000];
	json_t *doc = json_loads(row, JSON_DECODE_ANY, NULL);
	struct json_out o;
	size_t len;

	assert_non_null(doc);
	json_out_init(&o);
	json_out_open_array(&o);
	(void)mode_check_input(mode, doc, &o);
	json_out_close_array(&o);
	(void)snprintf(text, sizeof text, "%s", json_out_text(&o, &len));
	json_out_done(&o);
	json_decref(doc);
	return text;
}

static void
test_missing_and_unknown_fields_get_the_providers_pairs(void **state)
{
	(void)state;
	assert_string_equal(faults_of(mode_of(FACEBOOK, NULL), "{\"foo\":1}"),
	    "[[\"url\",\"Required field\"],"
	    "[\"foo\",\"This input should not contain a foo field\"]]");
}

static void
test_complete_rows_are_accepted(void **state)
{
	static const struct {
		const char *dataset, *by, *row;
	} good[] = {
		{ FACEBOOK, NULL, "{\"url\":\"https://www.facebook.com/a\",\"num_of_posts\":5,"
		    "\"posts_to_not_include\":[\"1\"],\"start_date\":\"12-24-2024\","
		    "\"end_date\":\"02-29-2024\",\"include_profile_data\":true}" },
		{ FACEBOOK, NULL, "{\"url\":\"https://www.facebook.com/a\",\"start_date\":\"\"}" },
		{ INSTAGRAM, "url", "{\"url\":\"https://www.instagram.com/a/\",\"post_type\":\"Reel\"}" },
		{ LINKEDIN, "company_url", "{\"url\":\"https://www.linkedin.com/company/a\","
		    "\"start_date\":\"2025-01-01\",\"end_date\":\"2025-01-02T00:00:00.000Z\"}" },
		{ TIKTOK, "url", "{\"URL\":\"https://www.tiktok.com/discover/a\"}" },
		{ TIKTOK, NULL, "{\"url\":\"https://www.tiktok.com/@a/video/1\",\"country\":\"\"}" },
		{ YOUTUBE, "url", "{\"url\":\"https://www.youtube.com/@a\",\"start_date\":\"\","
		    "\"end_date\":\"\",\"order_by\":\"\",\"time_period\":\"1 month ago\",\"country\":\"\","
		    "\"transcription_language\":\"\"}" },
		{ YOUTUBE, "explore", "{\"url\":\"https://www.youtube.com/gaming\",\"country\":\"US\","
		    "\"all_tabs\":true}" },
		{ REDDIT, "subreddit_url", "{\"url\":\"https://www.reddit.com/r/a\",\"sort_by\":\"Rising\","
		    "\"sort_by_time\":\"Past week\"}" },
		{ REDDIT, "subreddit_url", "{\"url\":\"https://www.reddit.com/r/a\",\"sort_by\":\"hot\"}" },
		{ YOUTUBE, "keyword", "{\"keyword\":\"a\",\"num_of_posts\":1}" },
		{ REDDIT, "keyword", "{\"keyword\":\"a\",\"date\":\"Past 24 hours\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_string_equal(faults_of(mode_of(good[i].dataset, good[i].by), good[i].row),
		    "[]");
}

/* As each method of the vendor's SDK 2.5 sends it, with all it can send. */
static void
test_what_the_sdk_sends_for_comments_and_profiles_is_accepted(void **state)
{
	static const struct {
		const char *dataset, *by, *row;
		enum sim_subject subject;
	} good[] = {
		{ "gd_lkay758p1eanlolqw8", NULL, "{\"url\":\"https://www.facebook.com/a/posts/1\","
		    "\"num_of_comments\":5,\"comments_to_not_include\":[\"1\"],"
		    "\"start_date\":\"12-24-2024\",\"end_date\":\"12-25-2024\"}", SIM_COMMENTS },
		{ "gd_ltppn085pokosxh13", NULL, "{\"url\":\"https://www.instagram.com/p/a/\"}",
		    SIM_COMMENTS },
		{ "gd_lkf2st302ap89utw5k", NULL, "{\"url\":\"https://www.tiktok.com/@a/video/1\"}",
		    SIM_COMMENTS },
		{ "gd_lk9q0ew71spt1mxywf", NULL, "{\"url\":\"https://www.youtube.com/watch?v=a\","
		    "\"num_of_comments\":5,\"load_replies\":true,\"sort_by\":\"Newest first\"}",
		    SIM_COMMENTS },
		{ "gd_lvzdpsdlw09j6t702", NULL, "{\"url\":\"https://www.reddit.com/r/a/comments/b\","
		    "\"days_back\":30,\"load_all_replies\":true,\"comment_limit\":100}", SIM_COMMENTS },
		{ "gd_l1vikfch901nx3by4", NULL, "{\"url\":\"https://www.instagram.com/a/\"}",
		    SIM_PROFILES },
		{ "gd_l1vikfch901nx3by4", "user_name", "{\"user_name\":\"a\"}", SIM_PROFILES },
		{ "gd_l1villgoiiidt09ci", NULL, "{\"url\":\"https://www.tiktok.com/@a\",\"country\":\"\"}",
		    SIM_PROFILES },
		{ "gd_l1villgoiiidt09ci", "search_url", "{\"search_url\":\"https://www.tiktok.com/search?q=a\","
		    "\"country\":\"\"}", SIM_PROFILES },
		{ "gd_lk538t2k2p1k3oos71", NULL, "{\"url\":\"https://www.youtube.com/@a\"}", SIM_PROFILES },
		{ "gd_lk538t2k2p1k3oos71", "keyword", "{\"keyword\":\"a\"}", SIM_PROFILES },
		{ "gd_lwxmeb2u1cniijd7t4", NULL, "{\"url\":\"https://x.com/a\",\"max_number_of_posts\":5}",
		    SIM_PROFILES },
		{ "gd_lwxmeb2u1cniijd7t4", "user_name", "{\"user_name\":\"a\"}", SIM_PROFILES },
		{ "gd_l1viktl72bvl7bjuj0", NULL, "{\"url\":\"https://www.linkedin.com/in/a\"}", SIM_PROFILES },
		{ "gd_m8d03he47z8nwb5xc", NULL, "{\"url\":\"https://www.linkedin.com\","
		    "\"first_name\":\"A\",\"last_name\":\"B\"}", SIM_PROFILES },
		{ "gd_l1vikfnt1wgvvqz95w", NULL, "{\"url\":\"https://www.linkedin.com/company/a\"}",
		    SIM_PROFILES },
		{ "gd_lpfll7v5hcqtkxl6l", NULL, "{\"url\":\"https://www.linkedin.com/jobs/view/1\"}",
		    SIM_VACANCIES },
		{ "gd_lpfll7v5hcqtkxl6l", "keyword", "{\"keyword\":\"a\",\"location\":\"b\",\"country\":\"US\","
		    "\"time_range\":\"Past week\",\"job_type\":\"Full-time\",\"experience_level\":\"Internship\","
		    "\"remote\":true,\"company\":\"c\",\"location_radius\":\"5 miles\"}", SIM_VACANCIES },
		{ "gd_m7n5v2gq296pex2f5m", NULL, "{\"url\":\"https://www.tiktok.com/@a\",\"country\":\"\"}",
		    SIM_POSTS },
		{ "gd_m736hjp71lejc5dc0l", NULL, "{\"url\":\"https://www.tiktok.com/@a/video/1\"}", SIM_POSTS },
		{ "gd_m7n5ixlw1gc4no56kx", NULL, "{\"url\":\"https://www.tiktok.com/search?q=a\","
		    "\"country\":\"\",\"num_of_posts\":5,\"start_date\":\"01-31-2026\"}", SIM_POSTS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_string_equal(faults_of(mode_of(good[i].dataset, good[i].by), good[i].row),
		    "[]");
		assert_int_equal(dataset_find(good[i].dataset)->subject, good[i].subject);
	}
}

static void
test_every_data_set_has_its_own_id_and_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < dataset_count; i++) {
		assert_ptr_equal(dataset_find(datasets[i].id), &datasets[i]);
		assert_non_null(datasets[i].modes->fields);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(datasets[i].name, datasets[j].name);
	}
}

static void
test_wrong_types_and_date_formats_are_refused(void **state)
{
	static const struct {
		const char *dataset, *by, *row;
	} bad[] = {
		{ FACEBOOK, NULL, "{\"url\":\"https://f.com/a\",\"start_date\":\"2024-12-24\"}" },
		{ FACEBOOK, NULL, "{\"url\":\"https://f.com/a\",\"start_date\":\"02-30-2024\"}" },
		{ FACEBOOK, NULL, "{\"url\":\"https://f.com/a\",\"num_of_posts\":\"5\"}" },
		{ FACEBOOK, NULL, "{\"url\":\"https://f.com/a\",\"num_of_posts\":-1}" },
		{ FACEBOOK, NULL, "{\"url\":\"https://f.com/a\",\"include_profile_data\":1}" },
		{ FACEBOOK, NULL, "{\"url\":\"\"}" },
		{ FACEBOOK, NULL, "{\"url\":null}" },
		{ FACEBOOK, NULL, "{\"url\":\"facebook.com/a\"}" },
		{ FACEBOOK, NULL, "17" },
		{ INSTAGRAM, "url", "{\"url\":\"https://www.facebook.com/a\"}" },
		{ INSTAGRAM, NULL, "{\"url\":\"https://instagram.com/p/a\",\"num_of_posts\":3}" },
		{ LINKEDIN, "company_url", "{\"url\":\"https://l.com/a\",\"start_date\":\"12-24-2024\"}" },
		{ TIKTOK, "url", "{\"url\":\"https://www.tiktok.com/discover/a\"}" },
		{ REDDIT, "keyword", "{\"keyword\":\"a\",\"date\":\"Past\"}" },
		{ REDDIT, "subreddit_url", "{\"url\":\"https://r.com/r/a\",\"sort_by\":\"HOT\"}" },
		{ YOUTUBE, "explore", "{\"url\":\"https://y.com/a\",\"all_tabs\":\"yes\"}" },
		{ "gd_lkf2st302ap89utw5k", NULL, "{\"url\":\"https://t.com/a\",\"num_of_posts\":3}" },
		{ "gd_m736hjp71lejc5dc0l", NULL, "{\"url\":\"https://t.com/a\",\"country\":\"\"}" },
		{ "gd_lk9q0ew71spt1mxywf", NULL, "{\"url\":\"https://y.com/a\",\"load_replies\":\"x\"}" },
		{ YOUTUBE, NULL, "{\"url\":\"https://y.com/a\",\"time_period\":\"\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_string_not_equal(faults_of(mode_of(bad[i].dataset, bad[i].by), bad[i].row),
		    "[]");
}

static void
test_a_wrong_mode_is_refused_with_the_list(void **state)
{
	char text[300];

	(void)state;
	assert_null(dataset_mode(dataset_find(LINKEDIN), "discover_new", "keyword", text,
	    sizeof text));
	assert_string_equal(text, "Incorrect discovery collector id Available types: "
	    "url, profile_url, company_url");
	assert_null(dataset_mode(dataset_find("gd_lyclm1571iy3mv57zw"), "discover_new", "url", text,
	    sizeof text));
	assert_string_equal(text,
	    "This dataset does not support discovery. Supported types: ['url_collection']");
	assert_null(dataset_mode(dataset_find(LINKEDIN), "discover_new", NULL, text, sizeof text));
	assert_non_null(strstr(text, "discover_by is required"));
	assert_null(dataset_find("gd_unknown"));
}

static void
test_the_window_includes_its_last_day(void **state)
{
	json_t *row = json_loads("{\"url\":\"https://f.com/a\",\"start_date\":\"12-24-2024\","
	    "\"end_date\":\"12-24-2024\"}", 0, NULL);
	int64_t start, end;

	(void)state;
	mode_window(mode_of(FACEBOOK, NULL), row, &start, &end);
	assert_int_equal(start, 1734998400000);
	assert_int_equal(end - start, 86399999);
	json_decref(row);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_and_unknown_fields_get_the_providers_pairs),
		cmocka_unit_test(test_complete_rows_are_accepted),
		cmocka_unit_test(test_what_the_sdk_sends_for_comments_and_profiles_is_accepted),
		cmocka_unit_test(test_every_data_set_has_its_own_id_and_name),
		cmocka_unit_test(test_wrong_types_and_date_formats_are_refused),
		cmocka_unit_test(test_a_wrong_mode_is_refused_with_the_list),
		cmocka_unit_test(test_the_window_includes_its_last_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
