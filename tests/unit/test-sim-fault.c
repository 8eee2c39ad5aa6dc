/*
 * test-sim-fault.c - how faults are read and counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/why.h"
#include "sim/sim_fault.h"

static struct faults faults;
static struct why why;

static int
add(const char *spec)
{
	json_t *doc = json_loads(spec, 0, NULL);
	int r = fault_add(&faults, doc, &why);

	json_decref(doc);
	return r;
}

static int
clear(void **state)
{
	(void)state;
	faults_clear(&faults);
	return 0;
}

static void
test_a_fault_strikes_once_by_default(void **state)
{
	(void)state;
	assert_int_equal(add("{\"call\":\"trigger\",\"kind\":\"lost\"}"), 0);
	assert_null(fault_take(&faults, CALL_PROGRESS));
	assert_int_equal(fault_take(&faults, CALL_TRIGGER)->kind, FAULT_LOST);
	assert_null(fault_take(&faults, CALL_TRIGGER));
}

static void
test_skip_lets_calls_pass_first(void **state)
{
	(void)state;
	assert_int_equal(add("{\"call\":\"any\",\"kind\":\"reset\",\"skip\":2,\"count\":2}"), 0);
	assert_null(fault_take(&faults, CALL_TRIGGER));
	assert_null(fault_take(&faults, CALL_LIST));
	assert_non_null(fault_take(&faults, CALL_LOG));
	assert_non_null(fault_take(&faults, CALL_OTHER));
	assert_null(fault_take(&faults, CALL_OTHER));
}

static void
test_every_lets_calls_pass_between(void **state)
{
	(void)state;
	assert_int_equal(add("{\"call\":\"trigger\",\"kind\":\"lost\",\"skip\":1,\"every\":3,\"count\":2}"), 0);
	for (int i = 1; i <= 12; i++) {
		assert_null(fault_take(&faults, CALL_PROGRESS));
		assert_int_equal(fault_take(&faults, CALL_TRIGGER) != NULL, i == 4 || i == 7);
	}
}

static void
test_minus_one_strikes_for_ever(void **state)
{
	(void)state;
	assert_int_equal(add("{\"call\":\"progress\",\"kind\":\"not_found\",\"count\":-1}"), 0);
	for (int i = 0; i < 1000; i++)
		assert_non_null(fault_take(&faults, CALL_PROGRESS));
}

static void
test_faults_strike_in_the_order_they_were_set(void **state)
{
	(void)state;
	assert_int_equal(add("{\"call\":\"snapshot\",\"kind\":\"drip\",\"bytes\":1,\"ms\":1}"), 0);
	assert_int_equal(add("{\"call\":\"any\",\"kind\":\"html\"}"), 0);
	assert_int_equal(fault_take(&faults, CALL_SNAPSHOT)->kind, FAULT_DRIP);
	assert_int_equal(fault_take(&faults, CALL_SNAPSHOT)->kind, FAULT_HTML);
}

static void
test_building_strikes_downloads_only(void **state)
{
	(void)state;
	assert_int_equal(add("{\"call\":\"any\",\"kind\":\"building\"}"), 0);
	assert_null(fault_take(&faults, CALL_PROGRESS));
	assert_non_null(fault_take(&faults, CALL_SNAPSHOT));
}

static void
test_effect_depends_on_the_kind_until_it_is_given(void **state)
{
	(void)state;
	assert_int_equal(add("{\"call\":\"trigger\",\"kind\":\"status\",\"status\":500}"), 0);
	assert_int_equal(add("{\"call\":\"trigger\",\"kind\":\"status\",\"status\":500,"
	    "\"effect\":true}"), 0);
	assert_int_equal(add("{\"call\":\"trigger\",\"kind\":\"lost\"}"), 0);
	assert_false(fault_take(&faults, CALL_TRIGGER)->effect);
	assert_true(fault_take(&faults, CALL_TRIGGER)->effect);
	assert_true(fault_take(&faults, CALL_TRIGGER)->effect);
}

static void
test_bad_faults_are_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{ "{\"call\":\"trigger\",\"kind\":\"explode\"}", "\"kind\" must be" },
		{ "{\"call\":\"pull\",\"kind\":\"reset\"}", "\"call\" must be" },
		{ "{\"kind\":\"reset\"}", "\"call\" must be" },
		{ "{\"call\":\"any\",\"kind\":\"delay\"}", "needs \"ms\"" },
		{ "{\"call\":\"any\",\"kind\":\"delay\",\"ms\":\"5\"}", "whole number" },
		{ "{\"call\":\"any\",\"kind\":\"reset\",\"bytes\":5}", "has no \"bytes\"" },
		{ "{\"call\":\"any\",\"kind\":\"reset\",\"count\":-2}", "whole number" },
		{ "{\"call\":\"any\",\"kind\":\"reset\",\"every\":0}", "from 1 to" },
		{ "{\"call\":\"any\",\"kind\":\"status\",\"status\":99}", "from 200 to 599" },
		{ "{\"call\":\"any\",\"kind\":\"rate_limit\",\"retry_after\":\"1\\r\\nX: y\"}",
		    "text on one line" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_true(add(bad[i].spec) < 0);
		if (!strstr(why.text, bad[i].says))
			fail_msg("%s: %s", bad[i].spec, why.text);
	}
	assert_null(faults.first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_fault_strikes_once_by_default, clear),
		cmocka_unit_test_teardown(test_skip_lets_calls_pass_first, clear),
		cmocka_unit_test_teardown(test_every_lets_calls_pass_between, clear),
		cmocka_unit_test_teardown(test_minus_one_strikes_for_ever, clear),
		cmocka_unit_test_teardown(test_faults_strike_in_the_order_they_were_set, clear),
		cmocka_unit_test_teardown(test_building_strikes_downloads_only, clear),
		cmocka_unit_test_teardown(test_effect_depends_on_the_kind_until_it_is_given, clear),
		cmocka_unit_test_teardown(test_bad_faults_are_refused_with_a_sentence, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
