/*
 * test-sim-record.c - generated snapshots: the same each time, and with media
 * fields that the platforms' rules count as the generator meant them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "sim/sim_record.h"

static struct sim_jobs jobs;

static int
clear(void **state)
{
	(void)state;
	jobs_clear(&jobs);
	return 0;
}

/* A job with its yield set, as a trigger call makes it. */
static struct job *
job_for(const char *dataset, const char *by, const char *input_text)
{
	struct job_order order = { .dataset = dataset_find(dataset), .inputs = 1,
		.input_text = input_text, .query_text = "", .agent = "" };
	json_t *inputs = json_loads(input_text, 0, NULL);
	struct yield yield;
	struct job *job;
	char text[300];

	assert_non_null(inputs);
	order.mode = dataset_mode(order.dataset, by ? "discover_new" : NULL, by, text, sizeof text);
	assert_non_null(order.mode);
	job = jobs_add(&jobs, &order, 7, 1767225600000);
	job->include_errors = true;
	record_yield(7, job, inputs, &yield);
	job->records = yield.records;
	job->errors = yield.errors;
	job->fails = yield.fails;
	json_decref(inputs);
	return job;
}

static struct rows *
rows_of(const struct job *job, uint64_t *media)
{
	json_t *inputs = json_loads(job->input_text, 0, NULL);
	struct rows *rows = record_rows(7, job, inputs, media);

	json_decref(inputs);
	return rows;
}

static json_t *
row_at(const struct rows *rows, size_t i)
{
	json_t *row = json_loadb(rows->text + rows->at[i], rows->at[i + 1] - rows->at[i] - 2, 0,
	    NULL);

	assert_non_null(row);
	return row;
}

static bool
is_error_row(const json_t *row)
{
	const char *error = json_text(row, "error"), *code = json_text(row, "error_code");

	return (error && *error) || (code && *code) || json_text(row, "warning");
}

static size_t
items(const json_t *row, const char *key)
{
	return json_array_size(json_object_get(row, key));
}

static size_t
media_facebook(const json_t *row)
{
	return items(row, "attachments");
}

static size_t
media_instagram(const json_t *row)
{
	const char *type = json_text(row, "content_type");
	size_t videos = items(row, "videos");

	if (items(row, "post_content"))
		return items(row, "post_content");
	if (strcmp(type, "Reel") == 0 || videos)
		return videos ? videos : 1;
	return items(row, "photos");
}

static size_t
media_tiktok(const json_t *row)
{
	if (items(row, "carousel_images"))
		return items(row, "carousel_images");
	return json_text(row, "video_url") || json_text(row, "post_type");
}

static size_t
media_youtube(const json_t *row)
{
	return json_text(row, "video_id") != NULL;
}

static size_t
media_linkedin(const json_t *row)
{
	return items(row, "images") + items(row, "videos") +
	    (json_text(row, "document_cover_image") && !items(row, "images"));
}

static size_t
media_photos_videos(const json_t *row)
{
	return items(row, "photos") + items(row, "videos");
}

static const struct {
	const char *dataset, *by, *input, *id;
	size_t (*media)(const json_t *row);
} platforms[] = {
	{ "gd_lkaxegm826bjpoo9m5", NULL, "[{\"url\":\"https://www.facebook.com/a\",\"num_of_posts\":400}]",
	    "post_id", media_facebook },
	{ "gd_lk5ns7kz21pck8jpis", "url", "[{\"url\":\"https://www.instagram.com/a\",\"num_of_posts\":400}]",
	    "post_id", media_instagram },
	{ "gd_lu702nij2f790tmv9h", "profile_url", "[{\"url\":\"https://www.tiktok.com/@a\",\"num_of_posts\":400}]",
	    "post_id", media_tiktok },
	{ "gd_lk56epmy2i5g7lzu0k", "url", "[{\"url\":\"https://www.youtube.com/@a\",\"num_of_posts\":400}]",
	    "video_id", media_youtube },
	{ "gd_lyy3tktm25m4avu764", "company_url", "[{\"url\":\"https://www.linkedin.com/company/a\",\"limit\":400}]",
	    "id", media_linkedin },
	{ "gd_lwxkxvnf1cynvib9co", "profile_url", "[{\"url\":\"https://x.com/a\"}]",
	    "id", media_photos_videos },
	{ "gd_lvz8ah06191smkebj4", "keyword", "[{\"keyword\":\"a\",\"num_of_posts\":400}]",
	    "post_id", media_photos_videos },
};

static void
test_every_download_is_the_same_text(void **state)
{
	uint64_t media[2];

	(void)state;
	for (size_t i = 0; i < sizeof platforms / sizeof platforms[0]; i++) {
		struct job *job = job_for(platforms[i].dataset, platforms[i].by, platforms[i].input);
		struct rows *a = rows_of(job, &media[0]), *b = rows_of(job, &media[1]);

		assert_int_equal(a->at[a->count], b->at[b->count]);
		assert_memory_equal(a->text, b->text, a->at[a->count]);
		assert_int_equal(media[0], media[1]);
		rows_release(a);
		rows_release(b);
	}
}

static void
test_media_fields_follow_the_platforms_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof platforms / sizeof platforms[0]; i++) {
		struct job *job = job_for(platforms[i].dataset, platforms[i].by, platforms[i].input);
		uint64_t media, counted = 0, posts = 0, errors = 0;
		struct rows *rows = rows_of(job, &media);

		for (size_t r = 0; r < rows->count; r++) {
			json_t *row = row_at(rows, r);

			if (is_error_row(row)) {
				errors++;
			} else {
				assert_non_null(json_text(row, platforms[i].id));
				posts++;
				counted += platforms[i].media(row);
			}
			json_decref(row);
		}
		assert_int_equal(counted, media);
		assert_int_equal(posts, job->records);
		assert_int_equal(errors, job->errors);
		rows_release(rows);
	}
}

static void
test_two_jobs_of_one_input_differ(void **state)
{
	struct job *a = job_for(platforms[0].dataset, NULL, platforms[0].input);
	struct job *b = job_for(platforms[0].dataset, NULL, platforms[0].input);

	(void)state;
	assert_string_not_equal(a->id, b->id);
	assert_int_equal(strlen(a->id), 20);
	assert_memory_equal(a->id, "sd_", 3);
}

static void
test_small_jobs_have_no_noise(void **state)
{
	struct job *job = job_for(platforms[0].dataset, NULL,
	    "[{\"url\":\"https://www.facebook.com/a\"}]");

	(void)state;
	assert_int_equal(job->records, 10);
	assert_int_equal(job->errors, 0);
}

static void
test_words_in_the_address_decide(void **state)
{
	static const struct {
		const char *input;
		uint64_t records, errors;
		bool fails;
	} cases[] = {
		{ "[{\"url\":\"https://f.com/dead-page\"}]", 0, 1, false },
		{ "[{\"url\":\"https://f.com/empty\"}]", 0, 0, false },
		{ "[{\"url\":\"https://f.com/fail\"}]", 0, 0, true },
		{ "[{\"url\":\"https://f.com/mixed\"}]", 10, 3, false },
		{ "[{\"url\":\"https://f.com/a\",\"start_date\":\"12-31-2024\","
		    "\"end_date\":\"12-01-2024\"}]", 0, 1, false },
		{ "[{\"url\":\"https://f.com/a\",\"num_of_posts\":3},"
		    "{\"url\":\"https://f.com/dead-page\"}]", 3, 1, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct job *job = job_for(platforms[0].dataset, NULL, cases[i].input);

		assert_int_equal(job->records, cases[i].records);
		assert_int_equal(job->errors, cases[i].errors);
		assert_int_equal(job->fails, cases[i].fails);
	}
}

static void
test_error_rows_are_left_out_unless_asked_for(void **state)
{
	struct job *job = job_for(platforms[0].dataset, NULL, "[{\"url\":\"https://f.com/mixed\"}]");
	uint64_t media;
	struct rows *rows;

	(void)state;
	rows = rows_of(job, &media);
	assert_int_equal(rows->count, 13);
	rows_release(rows);
	job->include_errors = false;
	rows = rows_of(job, &media);
	assert_int_equal(rows->count, 10);
	rows_release(rows);
}

static void
test_comments_and_profiles_have_their_keys(void **state)
{
	static const struct {
		const char *dataset, *by, *input;
		uint64_t rows;
		const char *keys[5];
	} cases[] = {
		{ "gd_lkay758p1eanlolqw8", NULL,
		    "[{\"url\":\"https://f.com/a/posts/1\",\"num_of_comments\":4}]", 4,
		    { "comment_id", "url", "text", "date", "user_name" } },
		{ "gd_lvzdpsdlw09j6t702", NULL,
		    "[{\"url\":\"https://r.com/r/a\",\"comment_limit\":3}]", 3,
		    { "comment_id", "url", "text", "date", "user_name" } },
		{ "gd_l1vikfch901nx3by4", "user_name", "[{\"user_name\":\"a\"}]", 1,
		    { "id", "url", "name", "biography", "avatar" } },
		{ "gd_lk538t2k2p1k3oos71", "keyword", "[{\"keyword\":\"a\"}]", 10,
		    { "id", "url", "name", "biography", "avatar" } },
		{ "gd_lpfll7v5hcqtkxl6l", "keyword", "[{\"keyword\":\"a\",\"location\":\"b\"}]", 10,
		    { "job_posting_id", "url", "job_title", "company_name", "job_location" } },
	};
	uint64_t media;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct job *job = job_for(cases[i].dataset, cases[i].by, cases[i].input);
		struct rows *rows = rows_of(job, &media);

		assert_int_equal(rows->count, cases[i].rows);
		assert_int_equal(media, 0);
		for (size_t r = 0; r < rows->count; r++) {
			json_t *row = row_at(rows, r);

			for (size_t k = 0; k < 5; k++)
				assert_non_null(json_text(row, cases[i].keys[k]));
			assert_non_null(json_object_get(row, "input"));
			json_decref(row);
		}
		rows_release(rows);
	}
}

static void
test_a_profile_by_its_address_is_that_profile(void **state)
{
	struct job *job = job_for("gd_lwxmeb2u1cniijd7t4", NULL, "[{\"url\":\"https://x.com/nasa\"}]");
	uint64_t media;
	struct rows *rows = rows_of(job, &media);
	json_t *row = row_at(rows, 0);

	(void)state;
	assert_string_equal(json_text(row, "url"), "https://x.com/nasa");
	assert_string_equal(json_text(row, "name"), "nasa");
	json_decref(row);
	rows_release(rows);
}

static void
test_a_discovery_echoes_what_was_submitted(void **state)
{
	struct job *job = job_for("gd_lyy3tktm25m4avu764", "company_url",
	    "[{\"url\":\"https://www.linkedin.com/company/a\",\"limit\":1}]");
	uint64_t media;
	struct rows *rows = rows_of(job, &media);
	json_t *row = row_at(rows, 0), *found = json_object_get(row, "discovery_input");

	(void)state;
	assert_string_equal(json_text(found, "url"), "https://www.linkedin.com/company/a");
	assert_string_equal(json_text(found, "start_date"), "");
	assert_string_equal(json_text(json_object_get(row, "input"), "url"), json_text(row, "url"));
	json_decref(row);
	rows_release(rows);
}

static void
test_a_youtube_job_has_a_record_of_half_a_megabyte(void **state)
{
	struct job *job = job_for(platforms[3].dataset, platforms[3].by,
	    "[{\"url\":\"https://www.youtube.com/@a\",\"num_of_posts\":10}]");
	uint64_t media;
	struct rows *rows = rows_of(job, &media);
	size_t longest = 0;

	(void)state;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->at[i + 1] - rows->at[i] > longest)
			longest = rows->at[i + 1] - rows->at[i];
	assert_true(longest > 500000);
	rows_release(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_every_download_is_the_same_text, clear),
		cmocka_unit_test_teardown(test_media_fields_follow_the_platforms_rules, clear),
		cmocka_unit_test_teardown(test_two_jobs_of_one_input_differ, clear),
		cmocka_unit_test_teardown(test_small_jobs_have_no_noise, clear),
		cmocka_unit_test_teardown(test_words_in_the_address_decide, clear),
		cmocka_unit_test_teardown(test_error_rows_are_left_out_unless_asked_for, clear),
		cmocka_unit_test_teardown(test_comments_and_profiles_have_their_keys, clear),
		cmocka_unit_test_teardown(test_a_profile_by_its_address_is_that_profile, clear),
		cmocka_unit_test_teardown(test_a_discovery_echoes_what_was_submitted, clear),
		cmocka_unit_test_teardown(test_a_youtube_job_has_a_record_of_half_a_megabyte, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
