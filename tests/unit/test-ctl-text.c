/* Words for people: times, numbers, members of a document, and where the daemon is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/ctl.h"

static void
test_members_are_found_by_path_and_made_printable(void **state)
{
	static const char json[] = "{\"a\":{\"b\":\"x\\u001b[2J\\ny\",\"n\":7,\"yes\":true,\"none\":null,\"r\":1.5}}";
	scoped_json *doc = NULL;
	char text[64];

	(void)state;
	assert_int_equal(json_read(json, strlen(json), &doc, NULL), 0);
	assert_string_equal(ctl_member_text(text, sizeof(text), doc, "a.n"), "7");
	assert_string_equal(ctl_member_text(text, sizeof(text), doc, "a.yes"), "yes");
	assert_string_equal(ctl_member_text(text, sizeof(text), doc, "a.r"), "1.5");
	assert_string_equal(ctl_member_text(text, sizeof(text), doc, "a.none"), "");
	assert_string_equal(ctl_member_text(text, sizeof(text), doc, "a.b.c"), "");
	assert_string_equal(ctl_member_text(text, sizeof(text), doc, "nothing"), "");
	assert_string_equal(ctl_member_text(text, sizeof(text), NULL, "a"), "");
	ctl_member_text(text, sizeof(text), doc, "a.b");
	for (const char *p = text; *p != '\0'; p++)
		assert_true(*p >= ' ' && *p < 127);
}

/* ---- where the daemon is ---- */

static int
forget_environment(void **state)
{
	(void)state;
	(void)unsetenv("TRAWLD_URL");
	(void)unsetenv("PORT");
	(void)setenv("DATA_DIR", "/nonexistent", 1);
	return 0;
}

static void
test_the_daemon_is_where_the_options_or_the_environment_say(void **state)
{
	struct ctl_args args = { 0 };
	struct ctl_target target;
	struct why why;

	(void)state;
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_OK);
	assert_string_equal(target.url, "http://127.0.0.1:8080");
	assert_string_equal(target.told, "");
	(void)setenv("PORT", "9001", 1);
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_OK);
	assert_string_equal(target.url, "http://127.0.0.1:9001");
	(void)setenv("TRAWLD_URL", "https://crawls.example/base/", 1);
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_OK);
	assert_string_equal(target.url, "https://crawls.example/base");
	args.value[OPT_DAEMON] = "http://h:1/";
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_OK);
	assert_string_equal(target.url, "http://h:1");
	assert_string_equal(target.told, " --daemon http://h:1");
	args.value[OPT_SOCKET] = "/run/api.sock";
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_USAGE);
	args.value[OPT_DAEMON] = NULL;
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_OK);
	assert_string_equal(target.socket, "/run/api.sock");
	assert_string_equal(target.told, " --socket /run/api.sock");
}

static void
test_wrong_places_are_usage_or_configuration(void **state)
{
	static const char *const bad[] = { "", "h:1", "ftp://h", "http://", "http://a b", "http://h/?q", "http:///" };
	struct ctl_args args = { 0 };
	struct ctl_target target;
	struct why why;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		args.value[OPT_DAEMON] = bad[i];
		assert_int_equal(ctl_target_find(&target, &args, &why), EX_USAGE);
		assert_non_null(strstr(why.text, "--daemon"));
	}
	args.value[OPT_DAEMON] = NULL;
	(void)setenv("TRAWLD_URL", "nowhere", 1);
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_CONFIG);
	assert_non_null(strstr(why.text, "TRAWLD_URL"));
	(void)unsetenv("TRAWLD_URL");
	(void)setenv("PORT", "70000", 1);
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_CONFIG);
	assert_non_null(strstr(why.text, "PORT"));
}

static void
test_a_socket_in_the_data_directory_is_found(void **state)
{
	char dir[] = "/tmp/test-ctl-XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ctl_args args = { 0 };
	struct ctl_target target;
	struct why why;
	scoped_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/api.sock", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)setenv("DATA_DIR", dir, 1);
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_OK);
	assert_string_equal(target.socket, address.sun_path);
	assert_string_equal(target.told, "");
	(void)setenv("DATA_DIR", "/nonexistent", 1);
	args.value[OPT_DATA_DIR] = dir;
	assert_int_equal(ctl_target_find(&target, &args, &why), EX_OK);
	assert_string_equal(target.socket, address.sun_path);
	(void)unlink(address.sun_path);
	(void)rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_are_found_by_path_and_made_printable),
		cmocka_unit_test_setup(test_the_daemon_is_where_the_options_or_the_environment_say, forget_environment),
		cmocka_unit_test_setup(test_wrong_places_are_usage_or_configuration, forget_environment),
		cmocka_unit_test_setup(test_a_socket_in_the_data_directory_is_found, forget_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
