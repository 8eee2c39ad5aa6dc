/*
 * test-model-path.c - templates that are refused, and values that try to leave
 * their place in the path.
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
#include "base/timefmt.h"
#include "base/why.h"
#include "model/path.h"

static struct crawl crawl;
static struct trigger_request request;

static int
set_up(void **state)
{
	(void)state;
	memset(&crawl, 0, sizeof(crawl));
	memset(&request, 0, sizeof(request));
	assert_int_equal(uuid_parse("0193598c-2b3a-7def-8abc-0123456789ab", &crawl.id), 0);
	/* Created just before midnight, so that any other clock would show. */
	assert_int_equal(time_parse("2026-03-09T23:59:59.999Z", &crawl.created_ms), 0);
	assert_int_equal(time_parse("2026-03-10T08:00:00Z", &crawl.ready_ms), 0);
	(void)str_copy(crawl.snapshot_id, sizeof(crawl.snapshot_id), "sd_m9k2v7");
	return 0;
}

static const char *
render(const char *template)
{
	static char path[OBJECT_PATH_SIZE];
	struct why why = { "" };

	if (path_template_check(template, &why) != 0)
		fail_msg("%s: %s", template, why.text);
	assert_int_equal(path_render(path, sizeof(path), template, &crawl, &request), 0);
	return path;
}

static void
default_template_dates_by_creation(void **state)
{
	(void)state;
	assert_string_equal(render(PATH_TEMPLATE_DEFAULT), "raw_snapshots/2026/03/09/snapshot_sd_m9k2v7.json");
}

static void
every_placeholder_is_filled(void **state)
{
	(void)state;
	request.platform = PLATFORM_LINKEDIN;
	(void)str_copy(request.competitor, sizeof(request.competitor), "Nutifood");
	(void)str_copy(request.brand, sizeof(request.brand), "growplus-nutifood");
	(void)str_copy(request.category, sizeof(request.category), "sua-bot");
	assert_string_equal(render("raw_snapshots/platform={platform}/competitor={competitor}/brand={brand}/"
	    "category={category}/year={year}/month={month}/day={day}/{crawl_id}_{snapshot_id}.json"),
	    "raw_snapshots/platform=linkedin/competitor=Nutifood/brand=growplus-nutifood/"
	    "category=sua-bot/year=2026/month=03/day=09/0193598c-2b3a-7def-8abc-0123456789ab_sd_m9k2v7.json");
}

static void
hostile_values_stay_in_their_part(void **state)
{
	static const struct {
		const char *value, *safe;
	} rows[] = {
		{ "", "unknown" }, { ".", "_" }, { "..", "_." }, { "...", "_._" }, { "../../etc", "_._.__etc" },
		{ "a/b", "a_b" }, { "/etc/passwd", "_etc_passwd" }, { "a\\b", "a_b" }, { "a..b", "a._b" },
		{ ".hidden", "_hidden" }, { "v1.2", "v1.2" }, { "a b&c=d?e#f", "a_b_c_d_e_f" },
		{ "{crawl_id}", "_crawl_id_" }, { "%2e%2e", "_2e_2e" }, { "~root", "_root" },
		{ "a\nb\tc", "a_b_c" }, { "a*[x]", "a__x_" }, { "$(id)`id`", "__id__id_" },
		{ "S\xe1\xbb\xaf" "a", "S\xe1\xbb\xaf" "a" }, { "\xe5\x93\x81\xe7\x89\x8c", "\xe5\x93\x81\xe7\x89\x8c" },
		{ "a\xff" "b", "a_b" }, { "a\xc0\xaf" "b", "a__b" }, { "a\xed\xa0\x80", "a___" },
		{ "a\xc3", "a_" }, { "a\xe2\x80\xae" "b", "a_b" }, { "a\xe2\x80\x8b" "b", "a_b" },
		{ "a\xc2\x85" "b", "a_b" }, { "a\xc2\xa0" "b", "a_b" }, { "\xef\xbb\xbf" "a", "_a" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char expected[128];

		(void)str_copy(request.competitor, sizeof(request.competitor), rows[i].value);
		(void)snprintf(expected, sizeof(expected), "%s/sd_m9k2v7", rows[i].safe);
		assert_string_equal(render("{competitor}/{snapshot_id}"), expected);
	}
}

static void
dots_of_template_and_value_never_join_to_a_parent(void **state)
{
	(void)state;
	(void)str_copy(request.competitor, sizeof(request.competitor), ".");
	(void)str_copy(request.brand, sizeof(request.brand), ".");
	assert_string_equal(render(".{competitor}/{snapshot_id}"), "._/sd_m9k2v7");
	assert_string_equal(render("{competitor}{brand}/{snapshot_id}"), "__/sd_m9k2v7");
	assert_string_equal(render("{competitor}./{snapshot_id}"), "_./sd_m9k2v7");
}

static void
long_values_are_cut_between_characters(void **state)
{
	const char *path;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(request.competitor); i += 3)
		memcpy(request.competitor + i, "\xe5\x93\x81", 4);
	path = render("{competitor}/{snapshot_id}");
	assert_int_equal(strcspn(path, "/"), 60);
	/* One byte further the 20th character would be cut in half: 19 of them stay. */
	memmove(request.competitor + 1, request.competitor, sizeof(request.competitor) - 1);
	request.competitor[0] = 'x';
	request.competitor[sizeof(request.competitor) - 1] = '\0';
	path = render("{competitor}/{snapshot_id}");
	assert_int_equal(strcspn(path, "/"), 1 + 19 * 3);
}

static void
bad_templates_are_refused_with_the_reason(void **state)
{
	static const struct {
		const char *template, *says;
	} rows[] = {
		{ "", "empty" },
		{ "/abs/{snapshot_id}", "must not begin with \"/\"" },
		{ "a/../{snapshot_id}", "\"..\"" },
		{ "../{snapshot_id}", "\"..\"" },
		{ "{snapshot_id}/..", "\"..\"" },
		{ "./{snapshot_id}", "\".\"" },
		{ "a//{snapshot_id}", "empty" },
		{ "{snapshot_id}/", "empty" },
		{ "{snapshotid}", "unknown placeholder" },
		{ "{Snapshot_id}", "unknown placeholder" },
		{ "{}/{snapshot_id}", "unknown placeholder" },
		{ "{snapshot_id", "unknown placeholder" },
		{ "{snap/shot_id}", "unknown placeholder" },
		{ "{{snapshot_id}}", "unknown placeholder" },
		{ "{snapshot_id}}", "\"}\" without \"{\"" },
		{ "{year}/{brand}.json", "must contain {snapshot_id} or {crawl_id}" },
		{ "a\nb/{snapshot_id}", "control characters" },
		{ "a\\b/{snapshot_id}", "backslashes" },
		{ "{competitor}{competitor}{brand}{category}{snapshot_id}", "can become 304 bytes" },
	};
	char template[2048] = "";

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct why why = { "" };

		assert_int_equal(path_template_check(rows[i].template, &why), -EINVAL);
		if (strstr(why.text, rows[i].says) == NULL)
			fail_msg("%s said: %s", rows[i].template, why.text);
	}
	for (int i = 0; i < 20; i++)
		strcat(template, "{competitor}/");
	strcat(template, "{snapshot_id}");
	assert_int_equal(path_template_check(template, NULL), -EINVAL);
}

static void
a_checked_template_always_fits(void **state)
{
	/* 15 parts of 61 bytes and the last of 64 are within 1,024. */
	char template[512] = "";

	(void)state;
	memset(request.competitor, 'c', sizeof(request.competitor) - 1);
	memset(crawl.snapshot_id, 's', sizeof(crawl.snapshot_id) - 1);
	for (int i = 0; i < 15; i++)
		strcat(template, "{competitor}/");
	strcat(template, "{snapshot_id}");
	assert_int_equal(strlen(render(template)), 15 * 61 + 64);
}

static void
a_small_buffer_is_refused_not_overrun(void **state)
{
	char small[64];
	size_t len = strlen(render(PATH_TEMPLATE_DEFAULT));

	(void)state;
	assert_int_equal(path_render(small, len, PATH_TEMPLATE_DEFAULT, &crawl, &request), -ENAMETOOLONG);
	assert_int_equal(path_render(small, len + 1, PATH_TEMPLATE_DEFAULT, &crawl, &request), 0);
	assert_int_equal(strlen(small), len);
	assert_int_equal(path_render(small, 1, PATH_TEMPLATE_DEFAULT, &crawl, &request), -ENAMETOOLONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(default_template_dates_by_creation, set_up),
		cmocka_unit_test_setup(every_placeholder_is_filled, set_up),
		cmocka_unit_test_setup(hostile_values_stay_in_their_part, set_up),
		cmocka_unit_test_setup(dots_of_template_and_value_never_join_to_a_parent, set_up),
		cmocka_unit_test_setup(long_values_are_cut_between_characters, set_up),
		cmocka_unit_test_setup(bad_templates_are_refused_with_the_reason, set_up),
		cmocka_unit_test_setup(a_checked_template_always_fits, set_up),
		cmocka_unit_test_setup(a_small_buffer_is_refused_not_overrun, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
