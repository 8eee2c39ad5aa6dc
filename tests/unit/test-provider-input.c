/*
 * Which jobs of the provider were given our input: too lenient adopts a stranger's
 * job, too strict pays twice.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"
#include "provider/brightdata.h"
#include "provider/input.h"

static const char full[] = "{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10,\"start_date\":\"2024-12-01\","
    "\"end_date\":\"2024-12-24\",\"include_profile_data\":true}";
static const char bare[] = "{\"url\":\"https://www.facebook.com/acme\"}";
static const char odd[] = "{\"url\":\"https://www.facebook.com/a,b?q=%22c%22&d=\xc3\xa9\"}";

enum match { SAME, OTHER, UNREADABLE };

/* A job's input against what is sent for a request. Understood and none of ours is OTHER. */
static enum match
compare(const char *text, size_t len, const struct trigger_request *request)
{
	uint8_t ours[SHA256_SIZE], theirs[SHA256_SIZE];
	int rc = input_digest(text, len, theirs);

	if (rc == -EBADMSG)
		return UNREADABLE;
	if (rc < 0) {
		assert_int_equal(rc, -ERANGE);
		return OTHER;
	}
	provider_brightdata.input_digest(request, ours);
	return memcmp(ours, theirs, sizeof(ours)) == 0 ? SAME : OTHER;
}

static void
test_inputs_are_told_apart(void **state)
{
	static const struct {
		const char *ours, *theirs;
		enum match match;
	} rows[] = {
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024,true\n", SAME },
		/* Another order, another line end, quotes, no last line end. */
		{ full, "include_profile_data,end_date,start_date,num_of_posts,url\r\n"
		  "true,12-24-2024,12-01-2024,10,\"https://www.facebook.com/acme\"", SAME },
		{ full, "\xef\xbb\xbfurl,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024,true\n\n", SAME },
		/* Fields that are not ours, but empty. */
		{ full, "url,posts_to_not_include,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,,10,12-01-2024,12-24-2024,true\n", SAME },
		{ full, "url,posts_to_not_include,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,77,10,12-01-2024,12-24-2024,true\n", OTHER },
		/* Each field differs once. */
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acm,10,12-01-2024,12-24-2024,true\n", OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,11,12-01-2024,12-24-2024,true\n", OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,2024-12-01,12-24-2024,true\n", OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-25-2024,true\n", OTHER },
		{ full, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024,false\n", OTHER },
		{ full, "url,num_of_posts,start_date,end_date\n"
		  "https://www.facebook.com/acme,10,12-01-2024,12-24-2024\n", OTHER },
		{ full, "url\nhttps://www.facebook.com/acme\n", OTHER },
		/* Left out and empty are the same. */
		{ bare, "url\nhttps://www.facebook.com/acme\n", SAME },
		{ bare, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,,,,\n", SAME },
		{ bare, "url,num_of_posts,start_date,end_date,include_profile_data\n"
		  "https://www.facebook.com/acme,\"\",\"\",\"\",false\n", SAME },
		{ bare, "url,num_of_posts\nhttps://www.facebook.com/acme,10\n", OTHER },
		/* Not one input. */
		{ bare, "url\nhttps://www.facebook.com/acme\nhttps://www.facebook.com/acme\n", OTHER },
		{ bare, "url,url\nhttps://www.facebook.com/acme,https://www.facebook.com/acme\n", OTHER },
		{ bare, "url\nhttps://www.facebook.com/acme,more\n", OTHER },
		/* Quoting. */
		{ odd, "url\n\"https://www.facebook.com/a,b?q=%22c%22&d=\xc3\xa9\"\n", SAME },
		{ odd, "url\nhttps://www.facebook.com/a,b?q=%22c%22&d=\xc3\xa9\n", OTHER },
		{ bare, "\"url\"\n\"https://www.facebook.com/ac\"\"me\"\n", OTHER },
		/* No answer to the question. */
		{ bare, "", UNREADABLE },
		{ bare, "url\n", UNREADABLE },
		{ bare, "url", UNREADABLE },
		{ bare, "url\n\"https://www.facebook.com/acme\n", UNREADABLE },
		/* As JSON. */
		{ full, "[{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":10,\"start_date\":\"12-01-2024\","
		  "\"end_date\":\"12-24-2024\",\"include_profile_data\":true}]", SAME },
		{ full, "{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":\"10\",\"start_date\":\"12-01-2024\","
		  "\"end_date\":\"12-24-2024\",\"include_profile_data\":\"true\",\"posts_to_not_include\":[]}", SAME },
		{ bare, "[{\"url\":\"https://www.facebook.com/acme\",\"num_of_posts\":null,\"include_profile_data\":false}]",
		  SAME },
		{ bare, "[{\"url\":\"https://www.facebook.com/acme\",\"posts_to_not_include\":[\"7\"]}]", OTHER },
		{ bare, "[{\"url\":\"https://www.facebook.com/acme\"},{\"url\":\"https://www.facebook.com/acme\"}]",
		  OTHER },
		{ bare, "[]", OTHER },
		{ bare, "[7]", UNREADABLE },
		{ bare, "[{\"url\":", UNREADABLE },
		{ bare, "{\"input\":[{\"url\":\"https://www.facebook.com/acme\"}],\"limit_per_input\":5}", SAME },
		{ bare, "{\"input\":{\"url\":\"https://WWW.facebook.com/acme/\"},\"snapshot_id\":\"sd_1\"}", SAME },
		{ bare, "{\"input\":{\"url\":\"https://www.facebook.com/acme\",\"limit_per_input\":5}}", OTHER },
		/* No input, though it could be taken for one. */
		{ bare, "Snapshot input does not exist", UNREADABLE },
		{ bare, "Snapshot input does not exist\nTry again later\n", UNREADABLE },
		{ bare, "<html>\n<body>Down for maintenance</body>\n</html>", UNREADABLE },
		{ bare, "url,https://www.facebook.com/acme", UNREADABLE },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct trigger_request request;
		struct why why;
		enum match match;

		assert_int_equal(provider_request_read(provider_brightdata.rules, rows[i].ours, strlen(rows[i].ours), &request, &why), 0);
		match = compare(rows[i].theirs, strlen(rows[i].theirs), &request);
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
	assert_int_equal(provider_request_read(provider_brightdata.rules, bare, strlen(bare), &request, &why), 0);
	memset(text, 'a', sizeof(text));
	memcpy(text, "url\n", 4);
	assert_int_equal(compare(text, sizeof(text), &request), OTHER);
	memset(text, 'a', 4);
	assert_int_equal(compare(text, sizeof(text), &request), UNREADABLE);
	memset(text, ',', sizeof(text));
	assert_int_equal(compare(text, sizeof(text), &request), UNREADABLE);
	memset(text, '\0', sizeof(text));
	assert_int_equal(compare(text, sizeof(text), &request), UNREADABLE);
}

/* Dates as they are sent, whatever the platform's form of them. */
static void
test_what_is_sent_for_a_platform_is_known_again(void **state)
{
#define ASK(platform) "{\"url\":\"https://" platform ".com/in/a\",\"num_of_posts\":10," \
	"\"start_date\":\"2024-12-01\",\"end_date\":\"2024-12-24\",\"include_profile_data\":true}"
	static const struct {
		const char *ours, *theirs;
		enum match match;
	} rows[] = {
		{ ASK("instagram"), "url,num_of_posts,start_date,end_date\nhttps://instagram.com/in/a,10,12-01-2024,12-24-2024\n", SAME },
		{ ASK("instagram"), "url,num_of_posts,start_date,end_date\nhttps://instagram.com/in/a,10,2024-12-01,2024-12-24\n", OTHER },
		{ ASK("linkedin"), "url,limit,start_date,end_date\nhttps://linkedin.com/in/a,10,2024-12-01,2024-12-24\n", SAME },
		{ ASK("linkedin"), "url,limit,start_date,end_date\nhttps://linkedin.com/in/a,10,12-01-2024,12-24-2024\n", OTHER },
		{ ASK("x"), "{\"url\":\"https://x.com/in/a\",\"start_date\":\"2024-12-01\",\"end_date\":\"2024-12-24\"}", SAME },
		{ ASK("reddit"), "url\nhttps://reddit.com/in/a", SAME },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct trigger_request request;
		struct why why = { "" };

		if (provider_request_read(provider_brightdata.rules, rows[i].ours, strlen(rows[i].ours), &request, &why) < 0)
			fail_msg("%s", why.text);
		if (compare(rows[i].theirs, strlen(rows[i].theirs), &request) != rows[i].match)
			fail_msg("%s against %s", rows[i].ours, rows[i].theirs);
	}
}

#define URL(text) "{\"url\":\"" text "\"}"

static void
test_one_meaning_has_one_digest(void **state)
{
	static const struct {
		enum match match;
		const char *a, *b;
	} rows[] = {
		/* Order, forms, white space. */
		{ SAME, "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}" },
		{ SAME, "{\"a\":1,\"b\":2}", "[ {\"a\":1,\n\"b\":2} ]\n" },
		{ SAME, "{\"a\":1,\"b\":2}", "\xef\xbb\xbf \n{\"a\":1,\"b\":2}" },
		{ SAME, "{\"a\":1,\"b\":2}", "b,a\r\n2,1\r\n" },
		{ SAME, "{\"a\":1,\"b\":2}", " b , a\n 2 ,\t1" },
		{ SAME, "{\"a\":\"x y\"}", "a\n\" x y \"\n" },
		{ OTHER, "{\"a\":\"x y\"}", "{\"a\":\"xy\"}" },
		/* A name and its value do not run into each other, nor into the next pair. */
		{ OTHER, "{\"a\":\"bc\"}", "{\"ab\":\"c\"}" },
		{ OTHER, "{\"a\":\"x\",\"b\":\"y\"}", "{\"a\":\"xb\",\"y\":\"y\"}" },
		{ OTHER, "{\"a\":\"x\",\"b\":\"y\"}", "{\"a\":\"y\",\"b\":\"x\"}" },
		{ OTHER, "{\"a\":\"x\"}", "{\"A\":\"x\"}" },
		{ OTHER, "{\"a\":\"x\"}", "{\"a\":\"X\"}" },
		/* Wrappers. */
		{ SAME, "{\"a\":1}", "{\"input\":{\"a\":1}}" },
		{ SAME, "{\"a\":1}", "{\"input\":[{\"a\":1}]}" },
		{ SAME, "{\"a\":1}", "[{\"input\":{\"a\":1}}]" },
		{ SAME, "{\"a\":1}", "{\"id\":\"sd_1\",\"input\":[{\"input\":{\"a\":1}}]}" },
		{ OTHER, "{\"a\":1}", "{\"input\":\"a\",\"a\":1}" },
		{ SAME, "{\"a\":1,\"input\":7}", "input,a\n7,1\n" },
		/* Numbers. */
		{ SAME, "{\"a\":5}", "{\"a\":5.0}" },
		{ SAME, "{\"a\":5}", "{\"a\":\"5\"}" },
		{ SAME, "{\"a\":5}", "{\"a\":\"5.00\"}" },
		{ SAME, "{\"a\":5}", "{\"a\":0.5e1}" },
		{ SAME, "{\"a\":5}", "a\n5\n" },
		{ SAME, "{\"a\":-5}", "a\n-5.0\n" },
		{ SAME, "{\"a\":500}", "{\"a\":5e2}" },
		{ SAME, "{\"a\":0.1}", "a\n0.10\n" },
		{ SAME, "{\"a\":1e-7}", "a\n0.0000001\n" },
		{ SAME, "{\"a\":0}", "{\"a\":-0.0}" },
		{ OTHER, "{\"a\":0}", "{}" },
		{ OTHER, "{\"a\":5}", "{\"a\":-5}" },
		{ OTHER, "{\"a\":5}", "{\"a\":50}" },
		{ OTHER, "{\"a\":5}", "{\"a\":0.5}" },
		{ OTHER, "{\"a\":5}", "{\"a\":\"05\"}" },
		{ OTHER, "{\"a\":5}", "{\"a\":\"+5\"}" },
		{ OTHER, "{\"a\":5}", "{\"a\":\"5.\"}" },
		{ OTHER, "{\"a\":5}", "{\"a\":\"5e\"}" },
		{ OTHER, "{\"a\":\"90071992547409931\"}", "{\"a\":\"90071992547409932\"}" },
		{ SAME, "{\"a\":9007199254740993}", "a\n9007199254740993\n" },
		{ OTHER, "{\"a\":9007199254740993}", "a\n9007199254740992\n" },
		{ OTHER, "{\"a\":\"1e1000000000\"}", "{\"a\":\"1e1000000001\"}" },
		/* Booleans, and what is not there. */
		{ SAME, "{\"a\":true}", "{\"a\":\"true\"}" },
		{ SAME, "{\"a\":true}", "a\nTrue\n" },
		{ OTHER, "{\"a\":true}", "{\"a\":1}" },
		{ OTHER, "{\"a\":true}", "{}" },
		{ SAME, "{\"b\":1}", "{\"b\":1,\"a\":null}" },
		{ SAME, "{\"b\":1}", "{\"b\":1,\"a\":\"\"}" },
		{ SAME, "{\"b\":1}", "{\"b\":1,\"a\":\"  \"}" },
		{ SAME, "{\"b\":1}", "{\"b\":1,\"a\":false}" },
		{ SAME, "{\"b\":1}", "{\"b\":1,\"a\":[]}" },
		{ SAME, "{\"b\":1}", "{\"b\":1,\"a\":{}}" },
		{ SAME, "{\"b\":1}", "b,a,c,d,e\n1,null,[],{},False\n" },
		{ SAME, "{\"b\":1}", "b,a\n1\n" },
		{ SAME, "{\"b\":1}", "b,\n1,\n" },
		/* URLs. */
		{ SAME, URL("https://acme.example/a"), URL("HTTPS://Acme.EXAMPLE/a/") },
		{ SAME, URL("https://acme.example/a"), URL("https://acme.example:443/a") },
		{ SAME, URL("http://acme.example/a"), URL("http://acme.example:080/a") },
		{ SAME, URL("https://acme.example"), URL("https://acme.example/") },
		{ SAME, URL("https://acme.example?q=1"), URL("https://acme.example/?q=1") },
		{ SAME, URL("https://[2001:DB8::1]:8443/"), URL("https://[2001:db8::1]:8443") },
		{ SAME, "{\"link\":\"https://Acme.example/\"}", "link\nhttps://acme.example\n" },
		{ OTHER, URL("https://acme.example/a"), URL("http://acme.example/a") },
		{ OTHER, URL("https://acme.example/a"), URL("https://acme.example/A") },
		{ OTHER, URL("https://acme.example/a"), URL("https://acme.example/a?") },
		{ OTHER, URL("https://acme.example/a"), URL("https://acme.example/a//") },
		{ OTHER, URL("https://acme.example/a"), URL("https://www.acme.example/a") },
		{ OTHER, URL("https://acme.example/a"), URL("https://acme.example:80/a") },
		{ OTHER, URL("https://acme.example/?q=1"), URL("https://acme.example/?q=1/") },
		{ OTHER, URL("https://acme.example/?q=a"), URL("https://acme.example/?q=A") },
		{ OTHER, URL("https://[2001:db8::1]/"), URL("https://[2001:db8::2]/") },
		{ OTHER, URL("no url/"), URL("no url") },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		uint8_t a[SHA256_SIZE], b[SHA256_SIZE];

		if (input_digest(rows[i].a, strlen(rows[i].a), a) != 0 || input_digest(rows[i].b, strlen(rows[i].b), b) != 0)
			fail_msg("not read: %s or %s", rows[i].a, rows[i].b);
		if ((memcmp(a, b, sizeof(a)) == 0) != (rows[i].match == SAME))
			fail_msg("taken for %s: %s and %s", rows[i].match == SAME ? "different" : "the same", rows[i].a, rows[i].b);
	}
}

/* Keepers and pollers of two versions may meet in one store: the digest does not change. */
static void
test_the_digest_is_fixed(void **state)
{
	static const char input[] = "{\"url\":\"https://www.facebook.com/acme/\",\"num_of_posts\":10}";
	uint8_t sum[SHA256_SIZE], expected[SHA256_SIZE];
	static const char text[] = "num_of_posts\0" "1e1\0" "url\0" "https://www.facebook.com/acme";
	struct sha256 *c = sha256_new();

	(void)state;
	sha256_update(c, text, sizeof(text));
	sha256_end(c, expected);
	sha256_free(c);
	assert_int_equal(input_digest(input, strlen(input), sum), 0);
	assert_memory_equal(sum, expected, sizeof(sum));
}

static void
test_what_cannot_be_ours_is_told_from_what_cannot_be_read(void **state)
{
	static const struct {
		int rc;
		const char *text;
	} rows[] = {
		{ -ERANGE, "[]" }, { -ERANGE, "{\"input\":[]}" }, { -ERANGE, "[{\"a\":1},{\"a\":1}]" },
		{ -ERANGE, "{\"input\":[{\"a\":1},{\"a\":2}]}" },
		{ -ERANGE, "{\"a\":{\"b\":1}}" }, { -ERANGE, "{\"a\":[1]}" }, { -ERANGE, "a\n1\n2\n" },
		{ -ERANGE, "a\n1,2\n" }, { -ERANGE, "a,a\n1,1\n" },
		{ -EBADMSG, "" }, { -EBADMSG, "   " }, { -EBADMSG, "\xef\xbb\xbf" }, { -EBADMSG, "a" }, { -EBADMSG, "a\n" },
		{ -EBADMSG, "a\n \n" }, { -EBADMSG, ",a\n1,2\n" }, { -EBADMSG, "a b\n1\n" }, { -EBADMSG, "a\n\"1\n" },
		{ -EBADMSG, "{" }, { -EBADMSG, "{\"a\":1}{" }, { -EBADMSG, "{\"a\":1,\"a\":1}" }, { -EBADMSG, "[7]" },
		{ -EBADMSG, "[[[[[[[[{\"a\":1}]]]]]]]]" },
		{ 0, "{}" },
	};
	char many[4096] = "{";
	uint8_t sum[SHA256_SIZE];
	size_t len = 1;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (input_digest(rows[i].text, strlen(rows[i].text), sum) != rows[i].rc)
			fail_msg("%s gives %d", rows[i].text, input_digest(rows[i].text, strlen(rows[i].text), sum));
	assert_int_equal(input_digest("a\n1\0002\n", 6, sum), -EBADMSG);
	for (unsigned i = 0; i < 65; i++)
		len += (size_t)snprintf(many + len, sizeof(many) - len, "%s\"m%u\":1", i > 0 ? "," : "", i);
	many[len++] = '}';
	assert_int_equal(input_digest(many, len, sum), -ERANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inputs_are_told_apart),
		cmocka_unit_test(test_a_huge_cell_or_header_is_survived),
		cmocka_unit_test(test_what_is_sent_for_a_platform_is_known_again),
		cmocka_unit_test(test_one_meaning_has_one_digest),
		cmocka_unit_test(test_the_digest_is_fixed),
		cmocka_unit_test(test_what_cannot_be_ours_is_told_from_what_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
