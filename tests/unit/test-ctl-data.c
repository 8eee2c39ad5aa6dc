/* What trawlctl makes and reads without a daemon: request bodies, event lines, objects. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "ctl/ctl.h"
#include "ctl/ctl_body.h"
#include "ctl/ctl_event.h"
#include "ctl/ctl_object.h"

static char dir[] = "/tmp/test-ctl-data-XXXXXX";

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void
write_file(const char *path, const char *text)
{
	scoped_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

static void
test_the_body_holds_only_what_was_given(void **state)
{
	struct ctl_args args = { .operand = "https://a.example/\"x\"" };
	scoped_free char *body = NULL;
	struct why why;
	size_t len;

	(void)state;
	args.value[OPT_PLATFORM] = "tiktok";
	args.value[OPT_NUM_OF_POSTS] = "25";
	args.value[OPT_INCLUDE_PROFILE_DATA] = "";
	assert_int_equal(ctl_body_make(&args, &body, &len, &why), 0);
	assert_string_equal(body, "{\"platform\":\"tiktok\",\"url\":\"https://a.example/\\\"x\\\"\","
	    "\"include_profile_data\":true,\"num_of_posts\":25}");
	assert_int_equal(len, strlen(body));
}

static void
test_bodies_that_cannot_be_are_refused(void **state)
{
	struct ctl_args none = { 0 }, two = { .operand = "https://a" }, number = { .operand = "https://a" };
	struct ctl_args flag = { .operand = "https://a" }, both = { .operand = "https://a" };
	struct why why;
	char *body;
	size_t len;

	(void)state;
	two.value[OPT_URL] = "https://b";
	number.value[OPT_NUM_OF_POSTS] = "ten";
	flag.value[OPT_INCLUDE_PROFILE_DATA] = "perhaps";
	both.value[OPT_FILE] = "x.json";
	assert_int_equal(ctl_body_make(&none, &body, &len, &why), -EINVAL);
	assert_non_null(strstr(why.text, "no page"));
	assert_int_equal(ctl_body_make(&two, &body, &len, &why), -EINVAL);
	assert_int_equal(ctl_body_make(&number, &body, &len, &why), -EINVAL);
	assert_non_null(strstr(why.text, "--num-of-posts"));
	assert_int_equal(ctl_body_make(&flag, &body, &len, &why), -EINVAL);
	assert_int_equal(ctl_body_make(&both, &body, &len, &why), -EINVAL);
	assert_non_null(strstr(why.text, "--file"));
}

static void
test_a_file_is_sent_as_it_is_when_it_holds_an_object(void **state)
{
	struct ctl_args args = { 0 };
	scoped_free char *body = NULL;
	char path[64];
	struct why why;
	size_t len;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/request.json", dir);
	args.value[OPT_FILE] = path;
	assert_int_equal(ctl_body_make(&args, &body, &len, &why), -EINVAL);
	write_file(path, "{ \"url\" : \"https://a\" }\n");
	assert_int_equal(ctl_body_make(&args, &body, &len, &why), 0);
	assert_string_equal(body, "{ \"url\" : \"https://a\" }\n");
	write_file(path, "[1]");
	free(take_ptr(body));
	assert_int_equal(ctl_body_make(&args, &body, &len, &why), -EINVAL);
	write_file(path, "{\"url\":");
	assert_int_equal(ctl_body_make(&args, &body, &len, &why), -EINVAL);
	assert_non_null(strstr(why.text, path));
	(void)unlink(path);
}

static void
test_event_lines_become_rows(void **state)
{
	static const char done[] = "{\"topic\":\"t\",\"attributes\":{},\"message\":{\"event_type\":"
	    "\"data-ingestion-completed\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"source\":\"s\",\"data\":{\"crawl_id\":"
	    "\"c\",\"gcs_path\":\"file:///x\",\"post_count\":3,\"media_count\":4}}}";
	static const char failed[] = "{\"message\":{\"event_type\":\"crawl-failed\",\"timestamp\":\"t\",\"data\":"
	    "{\"crawl_id\":\"c\",\"error_code\":\"E\",\"stage\":\"polling\",\"error_message\":\"bad\\u001b\"}}}";
	struct ctl_event event;

	(void)state;
	assert_int_equal(ctl_event_read(done, strlen(done), &event), 0);
	assert_string_equal(event.type, "data-ingestion-completed");
	assert_string_equal(event.crawl_id, "c");
	assert_string_equal(event.detail, "3 posts, 4 media, file:///x");
	assert_false(event.failed);
	assert_int_equal(ctl_event_read(failed, strlen(failed), &event), 0);
	assert_true(event.failed);
	assert_null(strchr(event.detail, '\033'));
	for (size_t n = 0; n < strlen(done); n++)
		assert_int_equal(ctl_event_read(done, n, &event), -EINVAL);
	assert_int_equal(ctl_event_read("{\"message\":{\"event_type\":\"x\"}}", 30, &event), -EINVAL);
	assert_int_equal(ctl_event_read("[]", 2, &event), -EINVAL);
}

static void
test_object_urls_are_decoded_strictly(void **state)
{
	char path[64];

	(void)state;
	assert_int_equal(ctl_object_path(path, sizeof(path), "file:///a%20b/%C3%a9.json"), 0);
	assert_string_equal(path, "/a b/\xc3\xa9.json");
	assert_int_equal(ctl_object_path(path, sizeof(path), "file:///a%2"), -EINVAL);
	assert_int_equal(ctl_object_path(path, sizeof(path), "file:///a%zz"), -EINVAL);
	assert_int_equal(ctl_object_path(path, sizeof(path), "file:///a%00"), -EINVAL);
	assert_int_equal(ctl_object_path(path, sizeof(path), "file://host/a"), -EINVAL);
	assert_int_equal(ctl_object_path(path, sizeof(path), "gs://bucket/a"), -EINVAL);
	assert_int_equal(ctl_object_path(path, 5, "file:///abcd"), -ENAMETOOLONG);
	assert_int_equal(ctl_object_path(path, 6, "file:///abcd"), 0);
}

static void
test_an_object_is_copied_whole_or_not_at_all(void **state)
{
	char from[64], to[64], url[80];
	scoped_free char *text = NULL;
	struct why why;
	size_t len;

	(void)state;
	(void)snprintf(from, sizeof(from), "%s/from", dir);
	(void)snprintf(to, sizeof(to), "%s/to", dir);
	(void)snprintf(url, sizeof(url), "file://%s", from);
	assert_int_equal(ctl_object_copy(url, to, &why), -ENOENT);
	assert_int_equal(access(to, F_OK), -1);
	write_file(from, "[{\"a\":1}]");
	write_file(to, "something older and longer");
	assert_int_equal(ctl_object_copy(url, to, &why), 0);
	assert_int_equal(fs_read_small(to, 1000, &text, &len), 0);
	assert_string_equal(text, "[{\"a\":1}]");
	assert_int_equal(ctl_object_copy(url, "/nonexistent/to", &why), -ENOENT);
	assert_int_equal(ctl_object_copy("gs://b/o", to, &why), -EINVAL);
	assert_non_null(strstr(why.text, "gcloud storage cp gs://b/o"));
	(void)unlink(from);
	(void)unlink(to);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_body_holds_only_what_was_given),
		cmocka_unit_test(test_bodies_that_cannot_be_are_refused),
		cmocka_unit_test(test_a_file_is_sent_as_it_is_when_it_holds_an_object),
		cmocka_unit_test(test_event_lines_become_rows),
		cmocka_unit_test(test_object_urls_are_decoded_strictly),
		cmocka_unit_test(test_an_object_is_copied_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
