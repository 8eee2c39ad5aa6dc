/*
 * test-provider-table.c - what holds for each row of the table of providers, and what is done for
 * all of them alike: which requests they take, how an answer is told from a broken one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"
#include "conf/option.h"
#include "provider/answer.h"
#include "provider/brightdata.h"

static void
each_row_is_whole_and_its_options_exist(void **state)
{
	const struct option *o;
	unsigned i;

	(void)state;
	for (i = 0; provider_table[i] != NULL; i++) {
		const struct provider *p = provider_table[i];

		assert_true(p->rules == provider_rules_table[i]);
		assert_true(strlen(p->rules->name) > 0);
		assert_int_equal(strspn(p->rules->name, "abcdefghijklmnopqrstuvwxyz0123456789"), strlen(p->rules->name));
		assert_int_equal(option_find(p->base_url_option, &o), 0);
		assert_int_equal(o->kind, OPTION_TEXT);
		assert_int_equal(option_find(p->key_option, &o), 0);
		assert_true(o->kind == OPTION_TEXT && o->secret);
		assert_true(p->limits.jobs > 0 && p->limits.build_ms > 0 && p->limits.kept_ms > p->limits.build_ms);
		assert_true(p->limits.list_rows > 1);
		assert_true(p->rules->dataset_id && p->rules->check && p->input_digest && p->record_form);
		assert_true(p->ask_trigger && p->ask_progress && p->ask_data && p->ask_cancel && p->ask_list && p->ask_input);
		assert_true(p->read_trigger && p->read_progress && p->read_data && p->read_message && p->read_cancel &&
		    p->read_list && p->read_input && p->read_cap);
	}
	assert_null(provider_rules_table[i]);
}

static const char *
reddit_not(enum platform_id platform)
{
	return platform == PLATFORM_REDDIT ? NULL : provider_brightdata.rules->dataset_id(platform);
}

static int
no_brand(const struct trigger_request *request, struct why *why)
{
	return strcmp(request->brand, "no") == 0 ? why_set(why, EINVAL, "brand: no") : 0;
}

/* The rules that hold everywhere, then the provider's. */
static void
a_request_is_read_by_all_rules(void **state)
{
	static const struct {
		const char *json, *says;
	} rows[] = {
		{ "{\"url\":\"https://reddit.com/r/a\",\"num_of_posts\":1}",
		  "url: pages of reddit are not crawled by this one, the provider that is configured" },
		{ "{\"url\":\"https://reddit.com/r/a\",\"dataset_id\":\"x\"}", "url: pages of reddit are not crawled" },
		{ "{\"url\":\"https://fb.com/a\",\"brand\":\"no\"}", "brand: no" },
		{ "{\"url\":\"https://fb.com/a\",\"brand\":\"no\",\"start_date\":\"x\"}", "start_date: " },
		{ "{\"url\":\"https://fb.com/a\"}", NULL },
		/* Neither a bound nor the form of the data set's id is every provider's rule. */
		{ "{\"url\":\"https://x.com/a\",\"dataset_id\":\"a~b\"}", NULL },
	};
	static const struct provider_rules p = { "this one", reddit_not, no_brand };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct trigger_request r = { .url = "untouched" };
		struct why why = { "" };
		int rc = provider_request_read(&p, rows[i].json, strlen(rows[i].json), &r, &why);

		if (rows[i].says != NULL) {
			assert_int_equal(rc, -EINVAL);
			if (strstr(why.text, rows[i].says) == NULL)
				fail_msg("%s: %s", rows[i].json, why.text);
			assert_string_equal(r.url, "untouched");
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(provider_request_check(&p, &r, &why), 0);
		assert_string_equal(r.dataset_id, i == 4 ? "gd_lkaxegm826bjpoo9m5" : "a~b");
		(void)str_copy(r.brand, sizeof(r.brand), "no");
		assert_int_equal(provider_request_check(&p, &r, &why), -EINVAL);
		(void)str_copy(r.brand, sizeof(r.brand), "");
		(void)str_copy(r.url, sizeof(r.url), "https://example.com/");
		assert_int_equal(provider_request_check(&p, &r, &why), -EINVAL);
		(void)str_copy(r.url, sizeof(r.url), "https://reddit.com/r/a");
		r.platform = PLATFORM_REDDIT;
		assert_int_equal(provider_request_check(&p, &r, &why), -EINVAL);
	}
}

static void
the_first_rule_that_fits_counts(void **state)
{
	static const struct answer_rule rules[] = {
		{ 404, "gone", OUTCOME_FAILED, ERROR_NOT_FOUND },
		{ 404, NULL, OUTCOME_RETRY, ERROR_NOT_FOUND },
		{ 3, NULL, OUTCOME_AUTH, ERROR_NONE },
		{ ANSWER_CLIENT, "Slow Down", OUTCOME_LIMITED, ERROR_RATE_LIMITED },
		{ ANSWER_ANY, NULL, OUTCOME_UNKNOWN, ERROR_NONE },
	};
	static const struct {
		int status;
		const char *body;
		unsigned rule;
	} rows[] = {
		{ 404, "it is GONE", 0 }, { 404, "", 1 }, { 404, "gon", 1 }, { 302, "gone", 2 }, { 400, "please slow down", 3 },
		{ 499, "slow down", 3 }, { 400, "slow", 4 }, { 503, "slow down", 4 }, { 200, "gone", 4 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http_answer answer = { .status = rows[i].status, .body = rows[i].body, .body_len = strlen(rows[i].body) };

		assert_int_equal(answer_rule_for(rules, &answer) - rules, rows[i].rule);
	}
}

static void
a_broken_call_is_told_from_an_answer(void **state)
{
	static const struct {
		enum net_verdict verdict;
		enum outcome outcome;
		enum error_code error;
	} rows[] = {
		{ NET_NOT_SENT, OUTCOME_RETRY, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ NET_BROKEN, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ NET_TIMEOUT, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_TIMEOUT },
		{ NET_STOPPED, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE },
		{ NET_DAMAGED, OUTCOME_UNKNOWN, ERROR_BRIGHTDATA_UNAVAILABLE },
	};
	struct http_answer answer = { .verdict = NET_ANSWERED, .status = 418, .date_ms = 7 };
	struct verdict verdict = { .text = "as it was" };

	(void)state;
	assert_false(answer_is_broken(&answer, OUTCOME_UNKNOWN, &verdict));
	assert_true(verdict.http_status == 418 && verdict.date_ms == 7);
	assert_string_equal(verdict.text, "as it was");
	(void)str_copy(answer.error, sizeof(answer.error), "cut\noff");
	for (size_t i = 0; i < countof(rows); i++) {
		answer.verdict = rows[i].verdict;
		verdict.retry_after_ms = 9;
		assert_true(answer_is_broken(&answer, OUTCOME_UNKNOWN, &verdict));
		assert_true(verdict.outcome == rows[i].outcome && verdict.error == rows[i].error);
		assert_true(verdict.http_status == 0 && verdict.retry_after_ms == 0);
		assert_non_null(strstr(verdict.text, "cut"));
		assert_null(strchr(verdict.text, '\n'));
	}
}

static void
a_cap_is_read_from_its_refusal(void **state)
{
	static const struct {
		const char *text;
		bool told;
		unsigned running, cap;
	} rows[] = {
		{ "HTTP 429: You have too many running jobs for this dataset. Running jobs: 100>=100", true, 100, 100 },
		{ "Running jobs: 7>=5", true, 7, 5 }, { "Running jobs: many", false, 0, 0 }, { "Running jobs: 7", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		unsigned running = 0, cap = 0;

		assert_int_equal(provider_brightdata.read_cap(rows[i].text, &running, &cap), rows[i].told);
		if (rows[i].told)
			assert_true(running == rows[i].running && cap == rows[i].cap);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_whole_and_its_options_exist),
		cmocka_unit_test(a_request_is_read_by_all_rules),
		cmocka_unit_test(the_first_rule_that_fits_counts),
		cmocka_unit_test(a_broken_call_is_told_from_an_answer),
		cmocka_unit_test(a_cap_is_read_from_its_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
