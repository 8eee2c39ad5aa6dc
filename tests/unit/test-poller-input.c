/*
 * Which jobs of the provider were given our input: too lenient adopts a stranger's
 * job, too strict pays twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"
#include "poller/brightdata.h"

static const char full[] = "{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10,\"start_date\":\"2024-12-01\","
    "\"end_date\":\"2024-12-24\",\"include_profile_data\":true}";
static const char bare[] = "{\"url\":\"https://www.facebook.com/acme\"}";
static const char odd[] = "{\"url\":\"https://www.facebook.com/a,b?q=%22c%22&d=\xc3\xa9\"}";

static void
test_inputs_are_told_apart(void **state)
{
	static const struct {
		const char *ours, *theirs;
		enum brightdata_match match;
	} rows[] = {
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024,true\n", BRIGHTDATA_SAME },
		/* Another order, another line end, quotes, no last line end. */
		{ full, "include_profile_data,end_date,start_date,num_of_posts,url\r\n"
		  "true,12-24-2024,12-01-2024,10,\"https://www.facebook.com/acme\"", BRIGHTDATA_SAME },
		{ full, "\xef\xbb\xbfurl,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024,true\n\n", BRIGHTDATA_SAME },
		/* Fields that are not ours, but empty. */
		{ full, "url,posts_to_not_include,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,,10,12-01-2024,12-24-2024,true\n", BRIGHTDATA_SAME },
		{ full, "url,posts_to_not_include,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,77,10,12-01-2024,12-24-2024,true\n", BRIGHTDATA_OTHER },
		/* Each field differs once. */
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acm,10,12-01-2024,12-24-2024,true\n", BRIGHTDATA_OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,11,12-01-2024,12-24-2024,true\n", BRIGHTDATA_OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,2024-12-01,12-24-2024,true\n", BRIGHTDATA_OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-25-2024,true\n", BRIGHTDATA_OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024,false\n", BRIGHTDATA_OTHER },
		{ full, "url,num_of_posts,start_date,end_date\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024\n", BRIGHTDATA_OTHER },
		{ full, "url\nhttps://www.facebook.com/acme\n", BRIGHTDATA_OTHER },
		/* Left out and empty are the same. */
		{ bare, "url\nhttps://www.facebook.com/acme\n", BRIGHTDATA_SAME },
		{ bare, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,,,,\n", BRIGHTDATA_SAME },
		{ bare, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,\"\",\"\",\"\",false\n", BRIGHTDATA_SAME },
		{ bare, "url,num_of_posts\nhttps://www.facebook.com/acme,10\n", BRIGHTDATA_OTHER },
		/* Not one input. */
		{ bare, "url\nhttps://www.facebook.com/acme\nhttps://www.facebook.com/acme\n", BRIGHTDATA_OTHER },
		{ bare, "url,url\nhttps://www.facebook.com/acme,https://www.facebook.com/acme\n", BRIGHTDATA_OTHER },
		{ bare, "url\nhttps://www.facebook.com/acme,more\n", BRIGHTDATA_OTHER },
		/* Quoting. */
		{ odd, "url\n\"https://www.facebook.com/a,b?q=%22c%22&d=\xc3\xa9\"\n", BRIGHTDATA_SAME },
		{ odd, "url\nhttps://www.facebook.com/a,b?q=%22c%22&d=\xc3\xa9\n", BRIGHTDATA_OTHER },
		{ bare, "\"url\"\n\"https://www.facebook.com/ac\"\"me\"\n", BRIGHTDATA_OTHER },
		/* No answer to the question. */
		{ bare, "", BRIGHTDATA_UNREADABLE },
		{ bare, "url\n", BRIGHTDATA_UNREADABLE },
		{ bare, "url", BRIGHTDATA_UNREADABLE },
		{ bare, "url\n\"https://www.facebook.com/acme\n", BRIGHTDATA_UNREADABLE },
		/* As JSON. */
		{ full, "[{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10,\"start_date\":\"12-01-2024\","
		  "\"end_date\":\"12-24-2024\",\"include_profile_data\":true}]", BRIGHTDATA_SAME },
		{ full, "{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":\"10\",\"start_date\":\"12-01-2024\","
		  "\"end_date\":\"12-24-2024\",\"include_profile_data\":\"true\",\"posts_to_not_include\":[]}", BRIGHTDATA_SAME },
		{ bare, "[{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":null,\"include_profile_data\":false}]",
		  BRIGHTDATA_SAME },
		{ bare, "[{\"url\":\"https://www.facebook.com/acme\",\"posts_to_not_include\":[\"7\"]}]", BRIGHTDATA_OTHER },
		{ bare, "[{\"url\":\"https://www.facebook.com/acme\"},{\"url\":\"https://www.facebook.com/acme\"}]",
		  BRIGHTDATA_OTHER },
		{ bare, "[]", BRIGHTDATA_OTHER },
		{ bare, "[7]", BRIGHTDATA_UNREADABLE },
		{ bare, "[{\"url\":", BRIGHTDATA_UNREADABLE },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct trigger_request request;
		struct why why;
		enum brightdata_match match;

		assert_int_equal(trigger_request_read(rows[i].ours, strlen(rows[i].ours), &request, &why), 0);
		match = brightdata_input_compare(rows[i].theirs, strlen(rows[i].theirs), &request);
		if (match != rows[i].match)
			fail_msg("%d instead of %d for: %s", match, rows[i].match, rows[i].theirs);
	}
}

static void
test_a_huge_cell_or_header_is_survived(void **state)
{
	static char text[100000];
	struct trigger_request request;
	struct why why;

	(void)state;
	assert_int_equal(trigger_request_read(bare, strlen(bare), &request, &why), 0);
	memset(text, 'a', sizeof(text));
	memcpy(text, "url\n", 4);
	assert_int_equal(brightdata_input_compare(text, sizeof(text), &request), BRIGHTDATA_OTHER);
	memset(text, 'a', 4);
	assert_int_equal(brightdata_input_compare(text, sizeof(text), &request), BRIGHTDATA_UNREADABLE);
	memset(text, ',', sizeof(text));
	assert_int_equal(brightdata_input_compare(text, sizeof(text), &request), BRIGHTDATA_UNREADABLE);
	memset(text, '\0', sizeof(text));
	assert_int_equal(brightdata_input_compare(text, sizeof(text), &request), BRIGHTDATA_UNREADABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inputs_are_told_apart),
		cmocka_unit_test(test_a_huge_cell_or_header_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
