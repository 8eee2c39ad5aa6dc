/*
 * Bright Data's answers: every status and body that the provider is known to give,
 * and what we make of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/why.h"
#include "provider/answer.h"
#include "provider/brightdata.h"
#include "provider/input.h"

#define BASE "http://127.0.0.1:1"
#define DATE_MS 1792567680000

static const struct provider *const us = &provider_brightdata;

struct row {
	enum net_verdict verdict;
	int		 status;
	const char	*body;
	enum outcome	 outcome;
	enum error_code	 error;
	const char	*text;		/* must stand in the verdict's text; NULL: no matter */
};

static struct http_answer
answer_of(const struct row *row)
{
	struct http_answer answer = {
		.verdict = row->verdict,
		.status = row->status,
		.body = row->body,
		.body_len = strlen(row->body),
		.content_length = -1,
		.date_ms = DATE_MS,
	};

	if (row->status / 100 == 3)
		(void)str_copy(answer.location, sizeof(answer.location), "https://elsewhere/?a=b");
	if (row->verdict != NET_ANSWERED)
		(void)str_copy(answer.error, sizeof(answer.error), "connection broke");
	return answer;
}

static void
check(const struct row *row, const struct verdict *got)
{
	if (got->outcome != row->outcome || got->error != row->error)
		fail_msg("HTTP %d %s: outcome %d error %d, wanted %d %d", row->status, row->body, got->outcome, got->error,
		    row->outcome, row->error);
	/* What something else answered is no answer of the provider's. */
	bool stranger = row->text != NULL && strstr(row->text, "BRIGHTDATA_BASE_URL") != NULL;

	if (got->http_status != (uint32_t)(row->verdict == NET_ANSWERED && !stranger ? row->status : 0) || got->date_ms != DATE_MS)
		fail_msg("HTTP %d %s: told as %u of %lld", row->status, row->body, got->http_status, (long long)got->date_ms);
	if (row->text != NULL && strstr(got->text, row->text) == NULL)
		fail_msg("HTTP %d %s: \"%s\" does not say \"%s\"", row->status, row->body, got->text, row->text);
}

#define REFUSED_KEY \
	{ 0, 401, "Credentials are missing", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "Credentials are missing" }, \
	{ 0, 401, "Auth method is not supported", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, NULL }, \
	{ 0, 401, "{\"error\":\"Invalid credentials\"}", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "Invalid credentials" }, \
	{ 0, 402, "{\"error\":\"Insufficient balance\"}", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "Insufficient balance" }, \
	{ 0, 403, "", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "HTTP 403" }, \
	{ 0, 400, "Customer is not active", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "Customer is not active" }

static void
test_answers_to_a_trigger(void **state)
{
	static const struct row rows[] = {
		{ 0, 200, "{\"snapshot_id\":\"sd_m9k2v7q4x1c8t5b3z\"}", OUTCOME_OK, 0, "" },
		{ 0, 201, "{\"snapshot_id\":\"s_1\"}", OUTCOME_OK, 0, "" },
		{ 0, 202, " {\"snapshot_id\":\"snap_x\",\"message\":\"m\"}\n", OUTCOME_OK, 0, "" },
		/* Success without an id: a job may run. */
		{ 0, 200, "{\"id\":\"sd_m9k2v7q4x1c8t5b3z\"}", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, "snapshot_id" },
		{ 0, 200, "{\"snapshot_id\":7}", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 200, "{\"snapshot_id\":\"\"}", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 200, "{\"snapshot_id\":\"../x\"}", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 200, "{\"snapshot_id\":\"sd_", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 200, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 200, "[]", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 204, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		/* Refusals. */
		{ 0, 400, "{\"validation_errors\":[\"\\\"type\\\" must be one of [discover_new, url_collection]\"]}",
		  OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED, "must be one of [discover_new, url_collection]" },
		{ 0, 400, "{\"error\":\"Invalid input provided\",\"code\":\"validation_error\",\"type\":\"validation\","
		  "\"line\":\"{\\\"url\\\":\\\"x\\\",\\\"foo\\\":1}\",\"index\":1,\"errors\":[[\"url\",\"Required field\"],"
		  "[\"foo\",\"This input should not contain a foo field\"]]}", OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED,
		  "HTTP 400: Invalid input provided: url: Required field; foo: This input should not contain a foo field" },
		{ 0, 400, "{\"error\":\"Parser cannot parse input: expected a value\",\"code\":\"parse_error\"}",
		  OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED, "Parser cannot parse input" },
		{ 0, 400, "\"Parser has expected a value\"", OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED,
		  "HTTP 400: Parser has expected a value" },
		{ 0, 400, "Incorrect discovery collector id Available types: url, profile_url, company_url", OUTCOME_FAILED,
		  ERROR_BRIGHTDATA_REJECTED, "Available types" },
		{ 0, 400, "No data to trigger", OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED, "No data to trigger" },
		{ 0, 404, "dataset does not exist\n", OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED,
		  "HTTP 404: dataset does not exist" },
		{ 0, 404, "Collector not found", OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED, "HTTP 404: Collector not found" },
		{ 0, 404, "404 page not found\n", OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED,
		  "HTTP 404: 404 page not found (is BRIGHTDATA" },
		{ 0, 422, "{}", OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED, "no explanation" },
		REFUSED_KEY,
		{ 0, 429, "You have too many running jobs for this dataset. Please wait until some of them finish or "
		  "consider combining multiple inputs into a single request. Running jobs: 100>=100", OUTCOME_BUSY,
		  ERROR_RATE_LIMITED, "100>=100" },
		{ 0, 429, "Too many requests", OUTCOME_LIMITED, ERROR_RATE_LIMITED, NULL },
		{ 0, 429, "", OUTCOME_LIMITED, ERROR_RATE_LIMITED, "HTTP 429" },
		/* A job may have been made. */
		{ 0, 500, "Internal server error", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, "Internal server error" },
		{ 0, 502, "<html><body>Bad gateway</body></html>", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE,
		  "HTTP 502: a page of HTML" },
		{ 0, 503, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 408, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_TIMEOUT, NULL },
		/* Something else answers. */
		{ 0, 302, "", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH,
		  "HTTP 302: BRIGHTDATA_BASE_URL answers with a redirect to https://elsewhere/: it is not the API's address" },
		{ 0, 308, "{\"snapshot_id\":\"s_1\"}", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "BRIGHTDATA_BASE_URL" },
		{ 0, 407, "Who are you?", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "HTTP 407" },
		{ 0, 404, "<!DOCTYPE html>\n<HTML><body>Not here</body></html>", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH,
		  "HTTP 404: BRIGHTDATA_BASE_URL answers with a page of HTML" },
		{ 0, 200, "\n<html>It works!</html>", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE,
		  "HTTP 200: BRIGHTDATA_BASE_URL answers with a page of HTML" },
		{ 0, 200, "\xEF\xBB\xBF{\"snapshot_id\":\"s_1\"}", OUTCOME_OK, 0, "" },
		{ NET_DAMAGED, 200, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ NET_BROKEN, 0, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, "connection broke" },
		{ NET_BROKEN, 200, "{\"snapshot_id\":\"sd_1", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ NET_TIMEOUT, 0, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_TIMEOUT, NULL },
		{ NET_STOPPED, 200, "", OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ NET_NOT_SENT, 0, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_answer answer = answer_of(&rows[i]);
		struct verdict verdict = { .retry_after_ms = 77 };
		char snapshot_id[SNAPSHOT_ID_SIZE];

		us->read_trigger(&answer, &verdict, snapshot_id);
		check(&rows[i], &verdict);
		assert_int_equal(verdict.retry_after_ms, 0);
		assert_int_equal(snapshot_id[0] != '\0', rows[i].outcome == OUTCOME_OK);
	}
}

static void
test_the_pause_that_was_asked_for_is_passed_on(void **state)
{
	static const struct row limited = { 0, 429, "Too many requests", OUTCOME_LIMITED, ERROR_RATE_LIMITED, NULL };
	static const struct row building = { 0, 202, "{\"status\":\"building\",\"message\":\"m\"}", OUTCOME_WAIT, 0, NULL };
	struct http_answer answer = answer_of(&limited);
	char snapshot_id[SNAPSHOT_ID_SIZE];
	struct verdict verdict;
	bool empty;

	(void)state;
	answer.retry_after_ms = 600000;
	us->read_trigger(&answer, &verdict, snapshot_id);
	assert_int_equal(verdict.retry_after_ms, 600000);
	answer = answer_of(&building);
	answer.retry_after_ms = 600000;
	us->read_data(&answer, &verdict, &empty);
	assert_int_equal(verdict.outcome, OUTCOME_WAIT);
	assert_int_equal(verdict.retry_after_ms, ANSWER_WAIT_MAX_MS);
}

static void
test_answers_about_progress(void **state)
{
#define SAYS(word) "{\"status\":\"" word "\",\"snapshot_id\":\"sd_1\",\"dataset_id\":\"gd_1\"}"
#define FAILED_WITH(text) "{\"status\":\"failed\",\"error_message\":\"" text "\"}"
#define TOLD_NOT UINT64_MAX
	static const struct {
		struct row row;
		const char *word;
		uint64_t records;
		bool unknown;
	} rows[] = {
		{ { 0, 200, SAYS("starting"), OUTCOME_WAIT, 0, "" }, "starting", TOLD_NOT, false },
		{ { 0, 200, "{\"status\":\"running\",\"running_time\":12652}", OUTCOME_WAIT, 0, "" }, "running", TOLD_NOT, false },
		{ { 0, 200, SAYS("closing"), OUTCOME_WAIT, 0, "" }, "closing", TOLD_NOT, false },
		{ { 0, 200, SAYS("building"), OUTCOME_WAIT, 0, "" }, "building", TOLD_NOT, false },
		{ { 0, 200, SAYS("Collecting"), OUTCOME_WAIT, 0, "" }, "collecting", TOLD_NOT, false },
		{ { 0, 200, SAYS("digesting"), OUTCOME_WAIT, 0, "" }, "digesting", TOLD_NOT, false },
		{ { 0, 200, SAYS("pending"), OUTCOME_WAIT, 0, "" }, "pending", TOLD_NOT, false },
		{ { 0, 200, SAYS("queued"), OUTCOME_WAIT, 0, "" }, "queued", TOLD_NOT, false },
		{ { 0, 200, SAYS("scheduled"), OUTCOME_WAIT, 0, "" }, "scheduled", TOLD_NOT, false },
		{ { 0, 200, SAYS("pending_discovery_input"), OUTCOME_WAIT, 0, "" }, "pending_discovery_input", TOLD_NOT, false },
		{ { 0, 200, SAYS("queued_for_build"), OUTCOME_WAIT, 0, "" }, "queued_for_build", TOLD_NOT, false },
		{ { 0, 200, SAYS("paused"), OUTCOME_WAIT, 0, "" }, "paused", TOLD_NOT, false },
		{ { 0, 200, SAYS("pondering"), OUTCOME_WAIT, 0, "" }, "pondering", TOLD_NOT, true },
		{ { 0, 200, SAYS(""), OUTCOME_WAIT, 0, "" }, "", TOLD_NOT, true },
		{ { 0, 200, "{\"status\":\"ready\",\"records\":10,\"errors\":0}", OUTCOME_OK, 0, "" }, "ready", 10, false },
		{ { 0, 200, "{\"status\":\"READY\",\"error_codes\":{\"dead_page\":1},\"records\":0,\"errors\":1}", OUTCOME_OK, 0, "" },
		  "ready", 0, false },
		{ { 0, 200, SAYS("done"), OUTCOME_OK, 0, "" }, "done", TOLD_NOT, false },
		{ { 0, 200, SAYS("completed"), OUTCOME_OK, 0, "" }, "completed", TOLD_NOT, false },
		{ { 0, 200, "{\"status\":\"ready\",\"records\":\"10\"}", OUTCOME_OK, 0, "" }, "ready", TOLD_NOT, false },
		{ { 0, 200, "{\"status\":\"ready\",\"records\":-1}", OUTCOME_OK, 0, "" }, "ready", TOLD_NOT, false },
		{ { 0, 200, FAILED_WITH("Something went wrong. Our team is looking into it."), OUTCOME_FAILED,
		    ERROR_SNAPSHOT_FAILED, "Something went wrong" }, "failed", TOLD_NOT, false },
		{ { 0, 200, FAILED_WITH("Input validation failed: url"), OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED,
		    "Input validation failed: url" }, "failed", TOLD_NOT, false },
		{ { 0, 200, "{\"status\":\"failed\",\"error\":\"broken\"}", OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, "broken" },
		  "failed", TOLD_NOT, false },
		{ { 0, 200, "{\"status\":\"failed\",\"message\":\"broken\"}", OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, "broken" },
		  "failed", TOLD_NOT, false },
		{ { 0, 200, "{\"status\":\"failed\"}", OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, "gives no reason" }, "failed",
		  TOLD_NOT, false },
		{ { 0, 200, FAILED_WITH("Snapshot is empty"), OUTCOME_OK, 0, "Snapshot is empty" }, "failed", 0, false },
		{ { 0, 200, FAILED_WITH("No data found in discovery"), OUTCOME_OK, 0, NULL }, "failed", 0, false },
		{ { 0, 200, "{\"status\":\"failed\",\"error_message\":\"Failed to deliver snapshot\",\"records\":3}", OUTCOME_OK, 0,
		    NULL }, "failed", 3, false },
		{ { 0, 200, SAYS("error"), OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, NULL }, "error", TOLD_NOT, false },
		{ { 0, 200, SAYS("canceled"), OUTCOME_CANCELED, ERROR_CANCELED, NULL }, "canceled", TOLD_NOT, false },
		{ { 0, 200, SAYS("cancelled"), OUTCOME_CANCELED, ERROR_CANCELED, NULL }, "cancelled", TOLD_NOT, false },
		{ { 0, 200, "{\"snapshot_id\":\"sd_1\"}", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, "", TOLD_NOT, false },
		{ { 0, 200, "{\"status\":3}", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, "", TOLD_NOT, false },
		{ { 0, 200, "garbage", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, "", TOLD_NOT, false },
		{ { 0, 404, "Snapshot does not exist", OUTCOME_RETRY, ERROR_NOT_FOUND, "Snapshot does not exist" }, "", TOLD_NOT,
		  false },
		{ { 0, 200, "\xEF\xBB\xBF{\"status\":\"ready\",\"records\":1}", OUTCOME_OK, 0, "" }, "ready", 1, false },
		{ { 0, 200, "<html>It works!</html>", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, "BRIGHTDATA_BASE_URL" }, "",
		  TOLD_NOT, false },
		{ { 0, 404, "<html>no</html>", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, "BRIGHTDATA_BASE_URL" }, "", TOLD_NOT,
		  false },
		{ { 0, 301, "<html>moved</html>", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "BRIGHTDATA_BASE_URL" }, "", TOLD_NOT, false },
		{ { 0, 503, "<html>busy</html>", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, "HTTP 503: a page" }, "", TOLD_NOT,
		  false },
		{ { 0, 401, "Invalid credentials", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, NULL }, "", TOLD_NOT, false },
		{ { 0, 403, "{\"error\":\"denied\"}", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "denied" }, "", TOLD_NOT, false },
		{ { 0, 429, "", OUTCOME_LIMITED, ERROR_RATE_LIMITED, NULL }, "", TOLD_NOT, false },
		{ { 0, 400, "odd", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, "", TOLD_NOT, false },
		{ { 0, 500, "Internal server error", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, "", TOLD_NOT, false },
		{ { NET_NOT_SENT, 0, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, "", TOLD_NOT, false },
		{ { NET_BROKEN, 200, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, "", TOLD_NOT, false },
		{ { NET_TIMEOUT, 0, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT, NULL }, "", TOLD_NOT, false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_answer answer = answer_of(&rows[i].row);
		struct provider_progress progress = { .records = 99, .is_new = true };
		struct verdict verdict;

		us->read_progress(&answer, &verdict, &progress);
		check(&rows[i].row, &verdict);
		assert_string_equal(progress.word, rows[i].word);
		assert_true(progress.records == rows[i].records);
		assert_int_equal(progress.is_new, rows[i].unknown);
	}
}

static void
test_a_long_status_word_is_cut(void **state)
{
	struct row row = { 0, 200, SAYS("a_word_that_is_much_longer_than_any_that_was_ever_seen_there"), OUTCOME_WAIT, 0, "" };
	struct http_answer answer = answer_of(&row);
	struct provider_progress progress;
	struct verdict verdict;

	(void)state;
	us->read_progress(&answer, &verdict, &progress);
	assert_true(progress.is_new);
	assert_true(strlen(progress.word) < sizeof(progress.word));
	assert_int_equal(strncmp(progress.word, "a_word_that_is", 14), 0);
}

static void
test_answers_to_a_download_without_data(void **state)
{
	static const struct {
		struct row row;
		bool empty;
	} rows[] = {
		{ { 0, 202, "{\"status\":\"running\",\"message\":\"Snapshot is not ready yet, try again in 30s\"}", OUTCOME_WAIT,
		    0, "try again in 30s" }, false },
		{ { 0, 202, "{\"status\":\"building\",\"message\":\"Snapshot is building, try again in 30s\"}", OUTCOME_WAIT, 0,
		    NULL }, false },
		{ { 0, 202, "Snapshot is building. Try again in a few minutes", OUTCOME_WAIT, 0, NULL }, false },
		{ { 0, 202, "", OUTCOME_WAIT, 0, NULL }, false },
		{ { 0, 202, "{\"status\":\"failed\",\"message\":\"broken\"}", OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, "broken" },
		  false },
		{ { 0, 409, "", OUTCOME_WAIT, 0, NULL }, false },
		{ { 0, 400, "Snapshot is not ready", OUTCOME_WAIT, 0, NULL }, false },
		{ { 0, 400, "Snapshot is expired", OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED, "Snapshot is expired" }, false },
		{ { 0, 400, "Snapshot is empty", OUTCOME_OK, 0, NULL }, true },
		{ { 0, 400, "{\"validation_errors\":[\"bad format\"]}", OUTCOME_RETRY, ERROR_BRIGHTDATA_REJECTED, "bad format" },
		  false },
		{ { 0, 401, "Invalid credentials", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, NULL }, false },
		{ { 0, 403, "", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, NULL }, false },
		{ { 0, 404, "Snapshot does not exist", OUTCOME_RETRY, ERROR_NOT_FOUND, NULL }, false },
		{ { 0, 429, "", OUTCOME_LIMITED, ERROR_RATE_LIMITED, NULL }, false },
		{ { 0, 500, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, false },
		{ { 0, 302, "", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, "BRIGHTDATA_BASE_URL answers with a redirect" }, false },
		{ { 0, 404, "<html>no</html>", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, "BRIGHTDATA_BASE_URL" }, false },
		{ { NET_DAMAGED, 200, "", OUTCOME_RETRY, ERROR_INVALID_DATA, "connection broke" }, false },
		{ { NET_BROKEN, 200, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, false },
		{ { NET_TIMEOUT, 200, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT, NULL }, false },
		{ { NET_NOT_SENT, 0, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_answer answer = answer_of(&rows[i].row);
		struct verdict verdict = { .retry_after_ms = 77 };
		bool empty = true;

		us->read_data(&answer, &verdict, &empty);
		check(&rows[i].row, &verdict);
		assert_int_equal(empty, rows[i].empty);
	}
}

static void
test_a_200_that_is_a_message_is_not_data(void **state)
{
	static const struct {
		const char *body;
		bool message;
		enum outcome outcome;
		enum error_code error;
		uint64_t counted;	/* plus 1; 0: not told */
	} rows[] = {
		{ "{\"status\":\"running\",\"message\":\"Snapshot is not ready yet\"}", true, OUTCOME_WAIT, 0, 0 },
		{ "\n {\"status\":\"building\",\"message\":\"x\",\"snapshot_id\":\"sd_1\"}", true, OUTCOME_WAIT, 0, 0 },
		{ "{\"status\":\"unheard of\",\"message\":\"x\"}", true, OUTCOME_WAIT, 0, 0 },
		{ "{\"status\":\"failed\",\"message\":\"x\"}", true, OUTCOME_FAILED, ERROR_SNAPSHOT_FAILED, 0 },
		{ "{\"status\":\"canceled\",\"message\":\"x\"}", true, OUTCOME_CANCELED, ERROR_CANCELED, 0 },
		/* An error alone: where rows were counted it is no row. */
		{ "{\"error\":\"Internal\"}", true, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 1 + 5 },
		{ "{\"error\":\"Crawl failed\"}", false, 0, 0, 1 + 0 },
		{ "{\"error\":\"Crawl failed\"}", false, 0, 0, 0 },
		{ "{\"error\":\"Crawl failed\",\"error_code\":\"crawl_error\"}", false, 0, 0, 1 + 5 },
		{ "{\"warning\":\"no posts\"}", false, 0, 0, 1 + 5 },
		/* An envelope is data, whatever it says beside. */
		{ "{\"status\":\"ok\",\"message\":\"done\",\"data\":[{\"page_name\":\"x\"}]}", false, 0, 0, 0 },
		{ "\xEF\xBB\xBF{\"status\":\"running\",\"message\":\"x\"}", true, OUTCOME_WAIT, 0, 0 },
		{ "\xEF\xBB\xBF[{\"content\":\"we are building\"}]", false, 0, 0, 0 },
		{ "\xEF\xBB\xBF", false, 0, 0, 0 },
		{ "null\n{\"content\":\"the house is building\"}", false, 0, 0, 0 },
		{ "\"Snapshot is building\"", true, OUTCOME_WAIT, 0, 0 },
		{ "{\"validation_errors\":[\"x\"]}", true, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, 0 },
		{ "Snapshot is building. Try again in a few minutes", true, OUTCOME_WAIT, 0, 0 },
		{ "Snapshot is expired", true, OUTCOME_FAILED, ERROR_SNAPSHOT_EXPIRED, 0 },
		{ "Snapshot is empty", true, OUTCOME_OK, 0, 0 },
		{ "[]", false, 0, 0, 0 },
		{ "", false, 0, 0, 0 },
		{ "  \n", false, 0, 0, 0 },
		{ "[{\"status\":\"running\",\"message\":\"x\"}]", false, 0, 0, 0 },
		{ "{\"status\":\"running\",\"message\":\"x\",\"post_id\":\"1\"}", false, 0, 0, 0 },
		{ "{\"timestamp\":\"x\",\"input\":{},\"error\":\"dead page\"}", false, 0, 0, 0 },
		{ "{\"status\":\"running\",\"message\":\"x\"}\n{\"post_id\":\"1\"}", false, 0, 0, 0 },
		{ "{\"status\":\"running\",\"mess", false, 0, 0, 0 },
		{ "{}", false, 0, 0, 0 },
		{ "nonsense", false, 0, 0, 0 },
		/* A page, whatever its words. */
		{ "<html><body>Down for maintenance</body></html>", false, 0, 0, 0 },
		{ "\n<!doctype html>The site is building up, it is not ready", false, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct verdict verdict = { .retry_after_ms = 77 };
		bool empty;
		bool message = us->read_message(rows[i].body, strlen(rows[i].body), rows[i].counted - 1,
		    &verdict, &empty);

		if (message != rows[i].message)
			fail_msg("message %d: %s", message, rows[i].body);
		if (!message)
			continue;
		if (verdict.outcome != rows[i].outcome || verdict.error != rows[i].error)
			fail_msg("%d %d: %s", verdict.outcome, verdict.error, rows[i].body);
		assert_int_equal(empty, rows[i].outcome == OUTCOME_OK);
	}
}

static void
test_answers_to_a_cancel(void **state)
{
	static const struct row rows[] = {
		{ 0, 200, "OK", OUTCOME_OK, 0, NULL },
		{ 0, 204, "", OUTCOME_OK, 0, NULL },
		{ 0, 400, "Snapshot is not running", OUTCOME_OK, 0, NULL },
		{ 0, 404, "Snapshot does not exist", OUTCOME_FAILED, ERROR_NOT_FOUND, NULL },
		{ 0, 400, "something else", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		REFUSED_KEY,
		{ 0, 429, "", OUTCOME_LIMITED, ERROR_RATE_LIMITED, NULL },
		{ 0, 500, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ NET_BROKEN, 0, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_answer answer = answer_of(&rows[i]);
		struct verdict verdict = { .retry_after_ms = 77 };

		us->read_cancel(&answer, &verdict);
		check(&rows[i], &verdict);
	}
}

static void
test_foreign_text_is_made_printable_and_short(void **state)
{
	char body[4000];
	struct row row = { 0, 404, body, OUTCOME_FAILED, ERROR_BRIGHTDATA_REJECTED, NULL };
	struct http_answer answer;
	char snapshot_id[SNAPSHOT_ID_SIZE];
	struct verdict verdict;

	(void)state;
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	memcpy(body, "a\nb\x1b[2J\xff", 8);
	answer = answer_of(&row);
	us->read_trigger(&answer, &verdict, snapshot_id);
	check(&row, &verdict);
	assert_true(strlen(verdict.text) < sizeof(verdict.text));
	for (const char *p = verdict.text; *p != '\0'; p++)
		assert_true(*p >= ' ' && *p < 0x7f);
}

static struct trigger_request
request_of(const char *json)
{
	struct trigger_request request;
	struct why why = { "" };

	if (provider_request_read(provider_brightdata.rules, json, strlen(json), &request, &why) < 0)
		fail_msg("%s", why.text);
	return request;
}

static void
check_trigger(const struct trigger_request *request, const char *query, const char *body)
{
	struct provider_call call;
	struct json_out o;
	char url[PROVIDER_URL_SIZE];
	size_t len;

	json_out_init(&o);
	us->ask_trigger(&call, BASE, request, &o);
	(void)snprintf(url, sizeof(url), BASE "/datasets/v3/trigger?%s", query);
	assert_string_equal(call.method, "POST");
	assert_string_equal(call.url, url);
	assert_int_equal(call.answer_max, PROVIDER_ANSWER_MAX);
	assert_true(call.is_whole("{}", 2) && !call.is_whole("{", 1));
	assert_string_equal(json_out_text(&o, &len), body);
	json_out_done(&o);
}

static void
check_ask(provider_ask_fn *ask, const char *method, const char *url)
{
	struct provider_call call;

	ask(&call, BASE, "sd_1");
	assert_string_equal(call.method, method);
	assert_string_equal(call.url, url);
	assert_int_equal(call.answer_max, PROVIDER_ANSWER_MAX);
}

static void
test_where_to_ask(void **state)
{
	struct trigger_request facebook = request_of("{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10}");
	struct trigger_request tiktok = request_of("{\"platform\":\"tiktok\",\"url\":\"https://www.tiktok.com/@acme\","
	    "\"num_of_posts\":5}");
	struct trigger_request x = request_of("{\"platform\":\"x\",\"url\":\"https://x.com/acme\",\"num_of_posts\":5}");
	struct provider_page page = { "gd_1", 0, INT64_MAX, 2000, 1000 };
	struct provider_call call;

	(void)state;
	check_trigger(&facebook, "dataset_id=gd_lkaxegm826bjpoo9m5&include_errors=true",
	    "[{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10}]");
	check_trigger(&tiktok, "dataset_id=gd_lu702nij2f790tmv9h&include_errors=true"
	    "&type=discover_new&discover_by=profile_url",
	    "[{\"url\":\"https://www.tiktok.com/@acme\",\"num_of_posts\":5}]");
	check_trigger(&x, "dataset_id=gd_lwxkxvnf1cynvib9co&include_errors=true"
	    "&type=discover_new&discover_by=profile_url&limit_per_input=5", "[{\"url\":\"https://x.com/acme\"}]");
	check_ask(us->ask_progress, "GET", BASE "/datasets/v3/progress/sd_1");
	check_ask(us->ask_data, "GET", BASE "/datasets/v3/snapshot/sd_1?format=json");
	check_ask(us->ask_input, "GET", BASE "/datasets/v3/snapshot/sd_1/input");
	check_ask(us->ask_cancel, "POST", BASE "/datasets/v3/snapshot/sd_1/cancel");
	assert_int_equal(time_parse("2026-03-01T00:10:00Z", &page.from_ms), 0);
	us->ask_list(&call, BASE, &page);
	assert_string_equal(call.method, "GET");
	assert_string_equal(call.url,
	    BASE "/datasets/v3/snapshots?dataset_id=gd_1&from_date=2026-02-28&trigger_type=API&limit=1000&skip=2000");
	assert_true(call.answer_max > PROVIDER_ANSWER_MAX);
}

static void
test_the_list_gives_the_jobs_of_the_window(void **state)
{
	static const char body[] = "[{\"id\":\"sd_late\",\"created\":\"2026-08-08T13:00:01.000Z\",\"status\":\"ready\"},"
	    "{\"id\":\"sd_b\",\"created\":\"2026-08-08T12:59:00.000Z\",\"status\":\"canceled\"},"
	    "{\"id\":\"sd_a\",\"created\":\"2026-08-08T12:50:00.000Z\",\"status\":\"running\",\"trigger\":{\"type\":\"API\"}},"
	    "{\"id\":\"sd_undated\",\"status\":\"running\"},"
	    "{\"id\":\"sd_a\",\"created\":\"2026-08-08T12:50:00.000Z\",\"status\":\"running\"},"
	    "{\"id\":\"not an id\",\"created\":\"2026-08-08T12:50:00.000Z\"},{\"status\":\"ready\"},7,"
	    "{\"id\":\"sd_early\",\"created\":\"2026-08-08T12:49:59.999Z\"}]";
	struct row row = { 0, 200, body, OUTCOME_OK, 0, NULL };
	struct http_answer answer = answer_of(&row);
	struct provider_list list;
	struct verdict verdict = { .retry_after_ms = 77 };
	struct provider_page page = { "gd_1", 0, 0, 0, 9 };

	(void)state;
	assert_int_equal(time_parse("2026-08-08T12:50:00Z", &page.from_ms), 0);
	assert_int_equal(time_parse("2026-08-08T13:00:00Z", &page.to_ms), 0);
	assert_true(us->read_list(&answer, &page, &list, &verdict));
	assert_false(list.is_last);
	check(&row, &verdict);
	assert_int_equal(list.rows, 9);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.jobs[0].snapshot_id, "sd_undated");
	assert_int_equal(list.jobs[0].created_ms, INT64_MIN);
	assert_string_equal(list.jobs[1].snapshot_id, "sd_a");
	assert_int_equal(list.jobs[1].created_ms, page.from_ms);
	assert_string_equal(list.jobs[2].snapshot_id, "sd_b");
	free(list.jobs);
	row.body = "[]";
	answer = answer_of(&row);
	assert_true(us->read_list(&answer, &page, &list, &verdict));
	assert_int_equal(list.count + list.rows, 0);
	assert_true(list.is_last);
	free(list.jobs);
}

static void
test_a_list_that_cannot_be_read_is_no_empty_list(void **state)
{
	static const struct row rows[] = {
		REFUSED_KEY,
		{ 0, 200, "{\"data\":[]}", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 200, "[{\"id\":\"sd_1\"", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 200, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 404, "dataset does not exist", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ 0, 429, "", OUTCOME_LIMITED, ERROR_RATE_LIMITED, NULL },
		{ 0, 500, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		{ NET_BROKEN, 200, "[]", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_answer answer = answer_of(&rows[i]);
		struct provider_page page = { "gd_1", 0, INT64_MAX, 0, 100 };
		struct provider_list list;
		struct verdict verdict = { .retry_after_ms = 77 };

		assert_false(us->read_list(&answer, &page, &list, &verdict));
		check(&rows[i], &verdict);
		assert_null(list.jobs);
		assert_int_equal(list.count + list.rows, 0);
	}
}

/* The provider may hold its own page for large enough, whatever was asked for. */
static void
test_a_page_is_the_last_one_when_it_is_not_full(void **state)
{
	static const struct {
		unsigned rows, limit;
		bool last;
	} rows[] = {
		{ 0, 4000, true }, { 1, 4000, true }, { 999, 4000, true }, { 1000, 4000, false }, { 1001, 4000, false },
		{ 4000, 4000, false }, { 500, 500, false }, { 499, 500, true }, { 1, 1, false }, { 0, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		scoped_free char *body = xcalloc(1, 4 + 3 * (size_t)rows[i].rows);
		struct row row = { 0, 200, body, OUTCOME_OK, 0, NULL };
		struct provider_page page = { "gd_1", 0, INT64_MAX, 0, rows[i].limit };
		struct http_answer answer;
		struct provider_list list;
		struct verdict verdict;

		body[0] = '[';
		for (unsigned n = 0; n < rows[i].rows; n++)
			memcpy(body + 1 + 3 * (size_t)n, n + 1 < rows[i].rows ? "{}," : "{}]", 3);
		if (rows[i].rows == 0)
			body[1] = ']';
		answer = answer_of(&row);
		assert_true(us->read_list(&answer, &page, &list, &verdict));
		free(list.jobs);
		if (list.rows != rows[i].rows || list.is_last != rows[i].last)
			fail_msg("%u of %u rows: last %d", list.rows, rows[i].limit, list.is_last);
	}
}

/* What cannot be told of one job, and what says nothing about any job. */
static void
test_answers_about_an_input(void **state)
{
	static const struct {
		struct row row;
		enum provider_reading reading;
		const char *same;	/* has the digest of this; NULL: of nothing that we send */
	} rows[] = {
		{ { 0, 200, "url,num_of_posts\nhttps://a.example/,10\n", OUTCOME_OK, 0, "" }, PROVIDER_READ,
		  "{\"num_of_posts\":\"10\",\"url\":\"https://a.example\"}" },
		{ { 0, 200, "{\"url\":\"https://a.example\"}", OUTCOME_OK, 0, "" }, PROVIDER_READ,
		  "{\"url\":\"https://a.example\"}" },
		{ { 0, 200, "url\nhttps://a.example/building\n", OUTCOME_OK, 0, "" }, PROVIDER_READ,
		  "{\"url\":\"https://a.example/building\"}" },
		{ { 0, 200, "url\nx\ny\n", OUTCOME_OK, 0, "" }, PROVIDER_READ, NULL },
		{ { NET_STOPPED, 200, "", OUTCOME_OK, 0, "" }, PROVIDER_READ, NULL },
		{ { 0, 200, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, "neither" }, PROVIDER_UNREADABLE, NULL },
		{ { 0, 200, "<html>\nno\n", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, "BRIGHTDATA_BASE_URL" }, PROVIDER_UNREADABLE, NULL },
		{ { 0, 200, "{\"error\":\"no\"}", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, PROVIDER_UNREADABLE,
		  NULL },
		{ { 0, 200, "{\"status\":\"building\",\"message\":\"m\"}", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		  PROVIDER_UNREADABLE, NULL },
		{ { 0, 400, "Snapshot input does not exist", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		  PROVIDER_UNREADABLE, NULL },
		{ { 0, 404, "Snapshot does not exist", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL },
		  PROVIDER_UNREADABLE, NULL },
		{ { 0, 400, "Customer is not active", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, NULL }, PROVIDER_UNANSWERED, NULL },
		{ { 0, 401, "", OUTCOME_AUTH, ERROR_BRIGHTDATA_AUTH, NULL }, PROVIDER_UNANSWERED, NULL },
		{ { 0, 429, "", OUTCOME_LIMITED, ERROR_RATE_LIMITED, NULL }, PROVIDER_UNANSWERED, NULL },
		{ { 0, 500, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, PROVIDER_UNANSWERED, NULL },
		{ { 0, 202, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, PROVIDER_UNANSWERED, NULL },
		{ { NET_STOPPED, 500, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, PROVIDER_UNANSWERED, NULL },
		{ { NET_BROKEN, 200, "url\nx\n", OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE, NULL }, PROVIDER_UNANSWERED,
		  NULL },
		{ { NET_TIMEOUT, 0, "", OUTCOME_RETRY, ERROR_BRIGHTDATA_TIMEOUT, NULL }, PROVIDER_UNANSWERED, NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_answer answer = answer_of(&rows[i].row);
		struct verdict verdict = { .retry_after_ms = 77 };
		uint8_t digest[SHA256_SIZE], expected[SHA256_SIZE] = { 0 };

		if (rows[i].same != NULL)
			assert_int_equal(input_digest(rows[i].same, strlen(rows[i].same), expected), 0);
		memset(digest, 7, sizeof(digest));
		if (us->read_input(&answer, digest, &verdict) != rows[i].reading)
			fail_msg("HTTP %d %s", rows[i].row.status, rows[i].row.body);
		check(&rows[i].row, &verdict);
		assert_memory_equal(digest, expected, sizeof(digest));
	}
}

static void
test_the_pause_that_a_text_names(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "Snapshot is building, try again in 30s", 30000 },
		{ "Snapshot is not ready yet. Try again in 10 seconds.", 10000 },
		{ "TRY AGAIN IN 1 sec", 1000 },
		{ "try again in 2 minutes", 120000 },
		{ "try again in 1m", 60000 },
		{ "try again in 0s", 1000 },
		{ "try again in 121s", 120000 },
		{ "try again in 3 minutes", 120000 },
		{ "try again in 99999999999999999999s", 120000 },
		{ "Snapshot is building. Try again in a few minutes", 0 },
		{ "try again in 30", 0 },
		{ "try again in 30 hours", 0 },
		{ "try again in 500ms", 0 },
		{ "try again in -5s", 0 },
		{ "try again in ", 0 },
		{ "30s", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (brightdata_text_wait_ms(rows[i].text, strlen(rows[i].text)) != rows[i].ms)
			fail_msg("%s", rows[i].text);
}

static void
test_the_longer_of_two_pauses_counts(void **state)
{
#define BUILDING "{\"status\":\"building\",\"message\":\"Snapshot is building, try again in 30s\"}"
	static const struct {
		int status;
		const char *body;
		int64_t header_ms, ms;
	} rows[] = {
		{ 202, BUILDING, 0, 30000 }, { 202, BUILDING, 10000, 30000 }, { 202, BUILDING, 45000, 45000 },
		{ 202, "Snapshot is building. Try again in 20s", 0, 20000 }, { 202, "", 5000, 5000 }, { 202, "", 0, 0 },
		{ 400, "Snapshot is not ready, try again in 20s", 0, 20000 }, { 409, "", 600000, 120000 },
		{ 202, "{\"status\":\"failed\",\"message\":\"try again in 30s\"}", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct row row = { 0, rows[i].status, rows[i].body, OUTCOME_WAIT, 0, NULL };
		struct http_answer answer = answer_of(&row);
		struct verdict verdict = { .retry_after_ms = 77 };
		bool empty;

		answer.retry_after_ms = rows[i].header_ms;
		us->read_data(&answer, &verdict, &empty);
		if (verdict.retry_after_ms != rows[i].ms)
			fail_msg("%lld ms: %s", (long long)verdict.retry_after_ms, rows[i].body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_to_a_trigger),
		cmocka_unit_test(test_the_pause_that_was_asked_for_is_passed_on),
		cmocka_unit_test(test_answers_about_progress),
		cmocka_unit_test(test_a_long_status_word_is_cut),
		cmocka_unit_test(test_answers_to_a_download_without_data),
		cmocka_unit_test(test_a_200_that_is_a_message_is_not_data),
		cmocka_unit_test(test_answers_to_a_cancel),
		cmocka_unit_test(test_foreign_text_is_made_printable_and_short),
		cmocka_unit_test(test_where_to_ask),
		cmocka_unit_test(test_the_list_gives_the_jobs_of_the_window),
		cmocka_unit_test(test_a_list_that_cannot_be_read_is_no_empty_list),
		cmocka_unit_test(test_a_page_is_the_last_one_when_it_is_not_full),
		cmocka_unit_test(test_answers_about_an_input),
		cmocka_unit_test(test_the_pause_that_a_text_names),
		cmocka_unit_test(test_the_longer_of_two_pauses_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
