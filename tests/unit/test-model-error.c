/*
 * test-model-error.c - the table of errors is complete and says what the API promises.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/error.h"

static const struct expected {
	enum error_code code;
	const char *name;
	int http_status;
} expected[] = {
	{ ERROR_INVALID_REQUEST, "INVALID_REQUEST", 400 },
	{ ERROR_UNAUTHORIZED, "UNAUTHORIZED", 401 },
	{ ERROR_FORBIDDEN, "FORBIDDEN", 403 },
	{ ERROR_NOT_FOUND, "NOT_FOUND", 404 },
	{ ERROR_METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", 405 },
	{ ERROR_NOT_READY, "NOT_READY", 409 },
	{ ERROR_CONFLICT, "CONFLICT", 409 },
	{ ERROR_PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", 413 },
	{ ERROR_UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", 415 },
	{ ERROR_IDEMPOTENCY_MISMATCH, "IDEMPOTENCY_MISMATCH", 422 },
	{ ERROR_RATE_LIMITED, "RATE_LIMITED", 429 },
	{ ERROR_INTERNAL, "INTERNAL", 500 },
	{ ERROR_BRIGHTDATA_AUTH, "BRIGHTDATA_AUTH", 502 },
	{ ERROR_BRIGHTDATA_REJECTED, "BRIGHTDATA_REJECTED", 502 },
	{ ERROR_BRIGHTDATA_UNAVAILABLE, "BRIGHTDATA_UNAVAILABLE", 503 },
	{ ERROR_BRIGHTDATA_TIMEOUT, "BRIGHTDATA_TIMEOUT", 504 },
	{ ERROR_POLLING_TIMEOUT, "POLLING_TIMEOUT", 504 },
	{ ERROR_SNAPSHOT_FAILED, "SNAPSHOT_FAILED", 502 },
	{ ERROR_SNAPSHOT_EXPIRED, "SNAPSHOT_EXPIRED", 410 },
	{ ERROR_INVALID_DATA, "INVALID_DATA", 502 },
	{ ERROR_STORAGE_ERROR, "STORAGE_ERROR", 500 },
	{ ERROR_STORAGE_PERMISSION, "STORAGE_PERMISSION", 500 },
	{ ERROR_WORKER_CRASHED, "WORKER_CRASHED", 500 },
	{ ERROR_CANCELED, "CANCELED", 409 },
	{ ERROR_UNAVAILABLE, "UNAVAILABLE", 503 },
	{ ERROR_HEADERS_TOO_LARGE, "HEADERS_TOO_LARGE", 431 },
	{ ERROR_TRIGGER_UNKNOWN, "TRIGGER_UNKNOWN", 502 },
	{ ERROR_DISK_FULL, "DISK_FULL", 503 },
	{ ERROR_DISK_READ_ONLY, "DISK_READ_ONLY", 503 },
};

static void
every_code_has_its_promised_name_and_status(void **state)
{
	(void)state;
	assert_int_equal(countof(expected), ERROR_CODE_COUNT - 1);
	for (size_t i = 0; i < countof(expected); i++) {
		const struct error_info *info = error_info(expected[i].code);

		assert_string_equal(info->name, expected[i].name);
		assert_int_equal(info->http_status, expected[i].http_status);
	}
}

static void
every_code_suggests_a_sentence(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODE_COUNT; code++) {
		const char *text = error_info((enum error_code)code)->suggestion;

		assert_non_null(text);
		assert_true(strlen(text) > 20);
		assert_true(text[strlen(text) - 1] == '.');
	}
}

static void
names_are_unique(void **state)
{
	(void)state;
	for (int a = 0; a < ERROR_CODE_COUNT; a++)
		for (int b = a + 1; b < ERROR_CODE_COUNT; b++)
			assert_string_not_equal(error_info((enum error_code)a)->name,
			    error_info((enum error_code)b)->name);
}

static void
unknown_code_answers_as_internal(void **state)
{
	(void)state;
	assert_ptr_equal(error_info(ERROR_CODE_COUNT), error_info(ERROR_INTERNAL));
	assert_ptr_equal(error_info((enum error_code)-1), error_info(ERROR_INTERNAL));
	assert_ptr_equal(error_info((enum error_code)9999), error_info(ERROR_INTERNAL));
}

static bool
is_one_of(enum error_code code, const enum error_code *codes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (codes[i] == code)
			return true;
	}
	return false;
}

static void
only_what_is_free_to_repeat_is_retryable(void **state)
{
	static const enum error_code retryable[] = { ERROR_NOT_READY, ERROR_UNAVAILABLE, ERROR_DISK_FULL,
		ERROR_DISK_READ_ONLY };

	(void)state;
	for (int code = 0; code < ERROR_CODE_COUNT; code++)
		assert_int_equal(error_info((enum error_code)code)->retryable,
		    is_one_of((enum error_code)code, retryable, countof(retryable)));
}

static void
an_end_that_leaves_a_job_reopens(void **state)
{
	static const enum error_code reopens[] = {
		ERROR_RATE_LIMITED, ERROR_INTERNAL, ERROR_BRIGHTDATA_AUTH, ERROR_BRIGHTDATA_UNAVAILABLE,
		ERROR_BRIGHTDATA_TIMEOUT, ERROR_POLLING_TIMEOUT, ERROR_INVALID_DATA, ERROR_STORAGE_ERROR,
		ERROR_STORAGE_PERMISSION, ERROR_WORKER_CRASHED, ERROR_TRIGGER_UNKNOWN,
	};

	(void)state;
	for (int code = 0; code < ERROR_CODE_COUNT; code++)
		assert_int_equal(error_info((enum error_code)code)->reopens,
		    is_one_of((enum error_code)code, reopens, countof(reopens)));
}

/* Who reads it must find the way that does not pay twice, and not be sent round in a circle. */
static void
what_reopens_names_the_way_to_go_on(void **state)
{
	(void)state;
	for (int code = 0; code < ERROR_CODE_COUNT; code++) {
		const struct error_info *info = error_info((enum error_code)code);

		assert_int_equal(info->reopens, strstr(info->suggestion, "POST /api/v1/crawl/{crawl_id}/retry") != NULL);
		assert_false(info->reopens && info->retryable);
		assert_null(strstr(info->suggestion, "try again in"));
		if (info->reopens)
			assert_null(strstr(info->suggestion, "trigger a new"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_promised_name_and_status),
		cmocka_unit_test(every_code_suggests_a_sentence),
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(unknown_code_answers_as_internal),
		cmocka_unit_test(only_what_is_free_to_repeat_is_retryable),
		cmocka_unit_test(an_end_that_leaves_a_job_reopens),
		cmocka_unit_test(what_reopens_names_the_way_to_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
