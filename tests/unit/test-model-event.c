/*
 * test-model-event.c - event bodies and attributes, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "model/event.h"

static struct crawl crawl;
static struct trigger_request request;
static struct event event;

static int
set_up(void **state)
{
	(void)state;
	memset(&crawl, 0, sizeof(crawl));
	memset(&request, 0, sizeof(request));
	memset(&event, 0, sizeof(event));
	assert_int_equal(uuid_parse("0193598c-2b3a-7def-8abc-0123456789ab", &crawl.id), 0);
	assert_int_equal(uuid_parse("0193598c-2b3b-7000-8000-000000000001", &event.id), 0);
	assert_int_equal(time_parse("2026-11-22T23:59:59Z", &crawl.created_ms), 0);
	assert_int_equal(time_parse("2026-11-23T18:20:11.123Z", &event.time_ms), 0);
	event.crawl_id = crawl.id;
	(void)str_copy(crawl.snapshot_id, sizeof(crawl.snapshot_id), "sd_m9k2v7");
	(void)str_copy(request.dataset_id, sizeof(request.dataset_id), "gd_lkaxegm826bjpoo9m5");
	(void)str_copy(request.competitor, sizeof(request.competitor), "Nutifood \"VN\"");
	(void)str_copy(request.brand, sizeof(request.brand), "S\xe1\xbb\xaf" "a");
	return 0;
}

static void
check_body(enum event_type type, const char *object_url, const char *expected)
{
	struct json_out o;
	size_t len;

	event.type = type;
	json_out_init(&o);
	event_write_body(&o, &event, &crawl, &request, object_url);
	assert_string_equal(json_out_text(&o, &len), expected);
	assert_int_equal(len, strlen(expected));
	json_out_done(&o);
}

static void
triggered_body_is_what_consumers_parse(void **state)
{
	(void)state;
	check_body(EVENT_CRAWL_TRIGGERED, NULL,
	    "{\"event_type\":\"crawl-triggered\",\"timestamp\":\"2026-11-23T18:20:11.123Z\","
	    "\"source\":\"data-ingestion-service\",\"data\":{"
	    "\"crawl_id\":\"0193598c-2b3a-7def-8abc-0123456789ab\",\"snapshot_id\":\"sd_m9k2v7\","
	    "\"platform\":\"facebook\",\"competitor\":\"Nutifood \\\"VN\\\"\",\"brand\":\"S\xe1\xbb\xaf" "a\","
	    "\"category\":null,\"status\":\"triggered\"}}");
}

static void
completed_body_carries_path_counts_and_checksum(void **state)
{
	(void)state;
	crawl.posts = 1000;
	crawl.media = 1015;
	crawl.errors = 2;
	crawl.others = 3;
	crawl.provider_records = 1003;
	crawl.size_bytes = 5000000000;
	crawl.crc32c = 0xe3069283;
	check_body(EVENT_INGESTION_COMPLETED, "file:///var/lib/trawld/objects/a.json",
	    "{\"event_type\":\"data-ingestion-completed\",\"timestamp\":\"2026-11-23T18:20:11.123Z\","
	    "\"source\":\"data-ingestion-service\",\"data\":{"
	    "\"crawl_id\":\"0193598c-2b3a-7def-8abc-0123456789ab\",\"snapshot_id\":\"sd_m9k2v7\","
	    "\"gcs_path\":\"file:///var/lib/trawld/objects/a.json\",\"post_count\":1000,\"media_count\":1015,"
	    "\"platform\":\"facebook\",\"competitor\":\"Nutifood \\\"VN\\\"\",\"brand\":\"S\xe1\xbb\xaf" "a\","
	    "\"category\":null,\"status\":\"completed\","
	    "\"crawl_metadata\":{\"dataset_id\":\"gd_lkaxegm826bjpoo9m5\",\"num_posts\":1000,"
	    "\"crawl_date\":\"2026-11-22\"},"
	    "\"error_count\":2,\"other_count\":3,\"expected_records\":1003,\"size_bytes\":5000000000,\"crc32c\":\"4waSgw==\"}}");
}

static void
completed_body_warns_of_rows_that_are_missing(void **state)
{
	static const struct {
		uint64_t told;
		const char *members;
	} rows[] = {
		{ UINT64_MAX, "\"expected_records\":null,\"size_bytes\":" },
		{ 6, "\"expected_records\":6,\"size_bytes\":" },
		{ 10, "\"expected_records\":10,\"warning\":\"progress counted 10 records, but the snapshot holds 6 posts, "
		    "1 error rows and 2 other rows\",\"size_bytes\":" },
	};

	(void)state;
	crawl.posts = 6;
	crawl.errors = 1;
	crawl.others = 2;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_out o;

		crawl.provider_records = rows[i].told;
		event.type = EVENT_INGESTION_COMPLETED;
		json_out_init(&o);
		event_write_body(&o, &event, &crawl, &request, "file:///a");
		assert_non_null(strstr(json_out_text(&o, NULL), rows[i].members));
		json_out_done(&o);
	}
}

static void
failed_body_says_why_and_where(void **state)
{
	(void)state;
	crawl.error = ERROR_POLLING_TIMEOUT;
	crawl.stage = STAGE_POLLING_TIMEOUT;
	(void)str_copy(crawl.error_text, sizeof(crawl.error_text), "not ready after 120 polls");
	check_body(EVENT_CRAWL_FAILED, NULL,
	    "{\"event_type\":\"crawl-failed\",\"timestamp\":\"2026-11-23T18:20:11.123Z\","
	    "\"source\":\"data-ingestion-service\",\"data\":{"
	    "\"crawl_id\":\"0193598c-2b3a-7def-8abc-0123456789ab\",\"snapshot_id\":\"sd_m9k2v7\","
	    "\"error_message\":\"not ready after 120 polls\",\"error_code\":\"POLLING_TIMEOUT\","
	    "\"stage\":\"polling_timeout\",\"status\":\"failed\"}}");
}

static void
a_crawl_that_never_started_has_no_snapshot_id(void **state)
{
	(void)state;
	crawl.snapshot_id[0] = '\0';
	crawl.error = ERROR_BRIGHTDATA_REJECTED;
	crawl.stage = STAGE_TRIGGER;
	(void)str_copy(crawl.error_text, sizeof(crawl.error_text), "url: Required field");
	check_body(EVENT_CRAWL_FAILED, NULL,
	    "{\"event_type\":\"crawl-failed\",\"timestamp\":\"2026-11-23T18:20:11.123Z\","
	    "\"source\":\"data-ingestion-service\",\"data\":{"
	    "\"crawl_id\":\"0193598c-2b3a-7def-8abc-0123456789ab\","
	    "\"error_message\":\"url: Required field\",\"error_code\":\"BRIGHTDATA_REJECTED\","
	    "\"stage\":\"trigger\",\"status\":\"failed\"}}");
}

static void
attributes_are_cloudevents(void **state)
{
	static const struct {
		enum event_type type;
		const char *name;
	} rows[] = {
		{ EVENT_CRAWL_TRIGGERED, "crawl-triggered" },
		{ EVENT_INGESTION_COMPLETED, "data-ingestion-completed" },
		{ EVENT_CRAWL_FAILED, "crawl-failed" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_out o;
		char expected[512];
		size_t len;

		event.type = rows[i].type;
		(void)snprintf(expected, sizeof(expected),
		    "{\"ce-id\":\"0193598c-2b3b-7000-8000-000000000001\",\"ce-source\":\"/data-ingestion-service\","
		    "\"ce-specversion\":\"1.0\",\"ce-type\":\"io.trawld.%s\",\"ce-time\":\"2026-11-23T18:20:11.123Z\","
		    "\"ce-subject\":\"0193598c-2b3a-7def-8abc-0123456789ab\",\"content-type\":\"application/json\"}",
		    rows[i].name);
		assert_string_equal(event_type_name(rows[i].type), rows[i].name);
		json_out_init(&o);
		event_write_attributes(&o, &event);
		assert_string_equal(json_out_text(&o, &len), expected);
		json_out_done(&o);
	}
}

static void
the_largest_body_fits_its_message(void **state)
{
	struct json_out o;
	size_t len;

	(void)state;
	/* Every byte of an error text may need six in JSON. */
	memset(crawl.error_text, '\x01', sizeof(crawl.error_text) - 1);
	memset(crawl.snapshot_id, 's', sizeof(crawl.snapshot_id) - 1);
	crawl.error = ERROR_BRIGHTDATA_UNAVAILABLE;
	crawl.stage = STAGE_POLLING_TIMEOUT;
	event.type = EVENT_CRAWL_FAILED;
	json_out_init(&o);
	event_write_body(&o, &event, &crawl, &request, NULL);
	(void)json_out_text(&o, &len);
	assert_true(len <= 8192);
	json_out_done(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(triggered_body_is_what_consumers_parse, set_up),
		cmocka_unit_test_setup(completed_body_carries_path_counts_and_checksum, set_up),
		cmocka_unit_test_setup(completed_body_warns_of_rows_that_are_missing, set_up),
		cmocka_unit_test_setup(failed_body_says_why_and_where, set_up),
		cmocka_unit_test_setup(a_crawl_that_never_started_has_no_snapshot_id, set_up),
		cmocka_unit_test_setup(attributes_are_cloudevents, set_up),
		cmocka_unit_test_setup(the_largest_body_fits_its_message, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
