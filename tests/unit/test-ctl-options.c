/* The command line of trawlctl: commands, options on both sides, refusals with the nearest word. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ctl/ctl.h"

#define ARGV_MAX 16

/* Parses the words of one line, told apart by single spaces. */
static int
parse(struct ctl_args *args, const char *line, struct why *why)
{
	static char text[512];
	static char *argv[ARGV_MAX + 1];
	int argc = 0;

	(void)str_copy(text, sizeof(text), line);
	for (char *word = strtok(text, " "); word != NULL && argc < ARGV_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	why->text[0] = '\0';
	return ctl_args_parse(args, argc, argv, why);
}

static void
test_options_stand_before_and_after_command_and_operand(void **state)
{
	struct ctl_args args;
	struct why why;

	(void)state;
	assert_int_equal(parse(&args, "trawlctl --daemon http://a:1 status --json 0190 --socket /s", &why), 0);
	assert_string_equal(args.command->name, "status");
	assert_string_equal(args.operand, "0190");
	assert_string_equal(args.value[OPT_DAEMON], "http://a:1");
	assert_string_equal(args.value[OPT_SOCKET], "/s");
	assert_string_equal(args.value[OPT_JSON], "");
	assert_null(args.value[OPT_WAIT]);
}

static void
test_trigger_takes_every_member_of_the_body(void **state)
{
	static const char *const words[] = {
		"--dataset-id", "--platform", "--competitor", "--brand", "--category", "--url", "--start-date",
		"--end-date", "--num-of-posts",
	};
	struct ctl_args args;
	struct why why;
	char line[128];

	(void)state;
	for (size_t i = 0; i < countof(words); i++) {
		(void)snprintf(line, sizeof(line), "trawlctl trigger %s value", words[i]);
		assert_int_equal(parse(&args, line, &why), 0);
		(void)snprintf(line, sizeof(line), "trawlctl status %s value x", words[i]);
		assert_int_equal(parse(&args, line, &why), -EINVAL);
	}
	assert_int_equal(parse(&args, "trawlctl trigger --include-profile-data https://a/", &why), 0);
	assert_string_equal(args.value[OPT_INCLUDE_PROFILE_DATA], "");
	assert_string_equal(args.operand, "https://a/");
	assert_int_equal(parse(&args, "trawlctl trigger --include-profile-data=false -n 5 -w", &why), 0);
	assert_string_equal(args.value[OPT_INCLUDE_PROFILE_DATA], "false");
	assert_string_equal(args.value[OPT_NUM_OF_POSTS], "5");
	assert_non_null(args.value[OPT_WAIT]);
}

static void
test_retry_takes_what_the_wait_after_it_takes(void **state)
{
	struct ctl_args args;
	struct why why;

	(void)state;
	assert_int_equal(parse(&args, "trawlctl retry 0190 --wait --timeout 5m -i 1s", &why), 0);
	assert_string_equal(args.command->name, "retry");
	assert_string_equal(args.operand, "0190");
	assert_non_null(args.value[OPT_WAIT]);
	assert_string_equal(args.value[OPT_TIMEOUT], "5m");
	assert_string_equal(args.value[OPT_INTERVAL], "1s");
	assert_int_equal(parse(&args, "trawlctl cancel 0190 --wait", &why), -EINVAL);
}

static void
test_refusals_say_what_and_the_nearest_word(void **state)
{
	static const struct { const char *line, *word; } table[] = {
		{ "trawlctl triger", "did you mean \"trigger\"" },
		{ "trawlctl helath", "did you mean \"health\"" },
		{ "trawlctl even", "did you mean \"events\"" },
		{ "trawlctl xyzzy", "no command \"xyzzy\"" },
		{ "trawlctl trigger --platfrom x", "did you mean --platform" },
		{ "trawlctl trigger --compettitor=x", "did you mean --competitor" },
		{ "trawlctl wait --follow id", "no option --follow for wait" },
		{ "trawlctl --jsn health", "did you mean --json" },
		{ "trawlctl wait -q id", "no option -q" },
		{ "trawlctl trigger --brand", "--brand needs a value" },
		{ "trawlctl health --json=1", "--json takes no value" },
		{ "trawlctl status", "needs an argument" },
		{ "trawlctl retry", "needs an argument" },
		{ "trawlctl rety 0190", "did you mean \"retry\"" },
		{ "trawlctl status a b", "\"b\" is too much" },
		{ "trawlctl health a", "takes no argument" },
	};
	struct ctl_args args;
	struct why why;

	(void)state;
	for (size_t i = 0; i < countof(table); i++) {
		assert_int_equal(parse(&args, table[i].line, &why), -EINVAL);
		if (strstr(why.text, table[i].word) == NULL)
			fail_msg("%s: said \"%s\"", table[i].line, why.text);
	}
	assert_int_equal(parse(&args, "trawlctl xyzzy", &why), -EINVAL);
	assert_null(strstr(why.text, "did you mean"));
}

static void
test_no_command_is_told_apart_from_a_wrong_one(void **state)
{
	struct ctl_args args;
	struct why why;

	(void)state;
	assert_int_equal(parse(&args, "trawlctl", &why), 0);
	assert_null(args.command);
	assert_int_equal(parse(&args, "trawlctl --help", &why), 0);
	assert_non_null(args.value[OPT_HELP]);
	assert_int_equal(parse(&args, "trawlctl status --help", &why), 0);
	assert_string_equal(args.command->name, "status");
}

static void
test_words_of_any_length_are_refused_politely(void **state)
{
	char name[5001], option[5001], program[] = "trawlctl", health[] = "health";
	char *command_argv[] = { program, name, NULL };
	char *option_argv[] = { program, health, option, NULL };
	struct ctl_args args;
	struct why why;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(option, name, sizeof(option));
	memcpy(option, "--", 2);
	assert_int_equal(ctl_args_parse(&args, 2, command_argv, &why), -EINVAL);
	assert_int_equal(ctl_args_parse(&args, 3, option_argv, &why), -EINVAL);
}

static char *
help_text(const struct ctl_command *command)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ctl_help(out, command);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_each_help_shows_examples_first_and_its_options(void **state)
{
	struct why why;
	scoped_free char *all = help_text(NULL);

	(void)state;
	for (const struct ctl_command *c = ctl_commands; c->name != NULL; c++) {
		scoped_free char *text = help_text(c);
		char usage[64];

		(void)snprintf(usage, sizeof(usage), "Usage: trawlctl %s", c->name);
		assert_non_null(strstr(text, "Examples:"));
		assert_non_null(strstr(text, usage));
		assert_true(strstr(text, "Examples:") < strstr(text, usage));
		assert_non_null(strstr(all, c->summary));
		assert_ptr_equal(ctl_command_find(c->name, &why), c);
	}
	scoped_free char *trigger = help_text(ctl_command_find("trigger", &why));
	assert_non_null(strstr(trigger, "--num-of-posts N"));
	assert_null(strstr(trigger, "--follow"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_stand_before_and_after_command_and_operand),
		cmocka_unit_test(test_trigger_takes_every_member_of_the_body),
		cmocka_unit_test(test_retry_takes_what_the_wait_after_it_takes),
		cmocka_unit_test(test_refusals_say_what_and_the_nearest_word),
		cmocka_unit_test(test_no_command_is_told_apart_from_a_wrong_one),
		cmocka_unit_test(test_words_of_any_length_are_refused_politely),
		cmocka_unit_test(test_each_help_shows_examples_first_and_its_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
