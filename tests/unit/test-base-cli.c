/* A command line by a table: values into fields, refusals by name, help in columns. */
#include "base/cli.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/why.h"

#define ARGV_MAX 16

struct fields {
	bool	    quiet;
	const char *file, *shade, *all;
	int	    workers;
	int64_t	    bytes;
	double	    scale;
};

#define AT(member) offsetof(struct fields, member)

static const struct cli_option options[] = {
	{ "quiet", 'q', .kind = CLI_FLAG, .at = AT(quiet), .help = "Say less" },
	{ "file", .value = "FILE", .kind = CLI_TEXT, .at = AT(file), .help = "Read it" },
	{ "shade", .value = "NAME", .optional = true, .words = "red, green", .kind = CLI_GIVEN, .at = AT(shade),
	  .help = "Paint" },
	{ "all", 'a', .kind = CLI_GIVEN, .at = AT(all), .commands = " list show ", .help = "Everything" },
	{ "workers", 'w', .value = "N", .kind = CLI_INT, .at = AT(workers), .min = 1, .max = 8,
	  .help = "So many of them, and a text that is so long that it cannot stand on one line of the help" },
	{ "bytes", .value = "N", .kind = CLI_INT64, .at = AT(bytes), .min = 0, .max = 1e12, .help = "Size" },
	{ "scale", .value = "X", .kind = CLI_NUMBER, .at = AT(scale), .min = 0.5, .max = 4, .help = "Factor" },
};
static const struct cli cli = {
	"prog", "does things", "  prog --quiet\n", "That is all.\n", options, countof(options),
};

static struct fields fields;
static struct why why;

/* Reads the words of one line, told apart by single spaces; "~" stands for an empty word. */
static int
parse(const char *command, const char *line)
{
	static char text[256], empty[] = "";
	static char *argv[ARGV_MAX + 1];
	int argc = 0;

	fields = (struct fields){ .workers = 2, .scale = 1 };
	why.text[0] = '\0';
	(void)str_copy(text, sizeof(text), line);
	for (char *word = strtok(text, " "); word != NULL && argc < ARGV_MAX; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "~") == 0 ? empty : word;
	argv[argc] = NULL;
	return command != NULL ? cli_read(&cli, command, &fields, argc, argv, &why) :
	    cli_read_all(&cli, &fields, argc, argv, &why);
}

static void
values_go_to_their_fields(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL, "prog -q --file=a.txt --workers 8 --bytes 1000000000000 --scale 0.5"), 0);
	assert_true(fields.quiet);
	assert_string_equal(fields.file, "a.txt");
	assert_int_equal(fields.workers, 8);
	assert_int_equal(fields.bytes, INT64_C(1000000000000));
	assert_true(fields.scale == 0.5);
	assert_null(fields.shade);
	assert_int_equal(parse(NULL, "prog -w3 --shade"), 0);
	assert_int_equal(fields.workers, 3);
	assert_string_equal(fields.shade, "");
	assert_int_equal(parse(NULL, "prog --shade=red"), 0);
	assert_string_equal(fields.shade, "red");
	assert_int_equal(parse(NULL, "prog"), 0);
	assert_int_equal(fields.workers, 2);
}

static void
options_of_a_command_are_taken_behind_it_only(void **state)
{
	(void)state;
	assert_int_equal(parse("list", "list word --all -q"), 3);
	assert_string_equal(fields.all, "");
	assert_true(fields.quiet);
	assert_int_equal(parse("show", "show -a"), 2);
	assert_int_equal(parse("help", "help --all"), -EINVAL);
	assert_non_null(strstr(why.text, "no option --all for help"));
	assert_int_equal(parse("help", "help -a"), -EINVAL);
	assert_non_null(strstr(why.text, "no option -a for help"));
	assert_int_equal(parse(NULL, "prog --all"), -EINVAL);
}

static void
refusals_name_the_option_and_what_it_takes(void **state)
{
	static const struct { const char *line, *says; } rows[] = {
		{ "prog --workres 3", "no option --workres; did you mean --workers?" },
		{ "prog --wrkers=3", "no option --wrkers; did you mean --workers?" },
		{ "prog --strange", "no option --strange" },
		{ "prog -z", "no option -z" },
		{ "prog --file", "--file needs a value: --file FILE" },
		{ "prog --file ~", "--file needs a value" },
		{ "prog -w", "--workers needs a value: --workers N" },
		{ "prog --quiet=yes", "--quiet takes no value" },
		{ "prog --workers 9", "--workers takes a whole number from 1 to 8, not \"9\"" },
		{ "prog --workers -1", "--workers takes a whole number" },
		{ "prog --workers 2.0", "--workers takes a whole number" },
		{ "prog --bytes 1000000000001", "from 0 to 1000000000000," },
		{ "prog --scale 5", "--scale takes a number from 0.5 to 4, not \"5\"" },
		{ "prog --scale nan", "--scale takes a number" },
		{ "prog --scale 1x", "--scale takes a number" },
		{ "prog word", "takes options only: \"word\" is too much" },
		{ "prog --quiet word", "\"word\" is too much" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(parse(NULL, rows[i].line), -EINVAL);
		if (strstr(why.text, rows[i].says) == NULL)
			fail_msg("%s: said \"%s\"", rows[i].line, why.text);
	}
	assert_int_equal(parse(NULL, "prog --strange"), -EINVAL);
	assert_null(strstr(why.text, "did you mean"));
}

static char *
help_text(const char *command)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (command != NULL)
		cli_help_options(out, &cli, "Options", command);
	else
		cli_help(out, &cli);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
help_shows_each_option_in_lines_that_fit(void **state)
{
	scoped_free char *all = help_text(NULL), *own = help_text("list"), *none = help_text("help");

	(void)state;
	assert_int_equal(strncmp(all, "prog - does things\n\nExamples:\n  prog --quiet\n\nUsage: prog [OPTION...]\n", 70), 0);
	assert_non_null(strstr(all, "\n  -q, --quiet         Say less\n"));
	assert_non_null(strstr(all, "\n      --shade[=NAME]  Paint; one of red, green\n"));
	assert_non_null(strstr(all, "\n  -w, --workers N     So many of them"));
	assert_non_null(strstr(all, "\n\nThat is all.\n"));
	assert_null(strstr(all, "--all"));
	assert_string_equal(own, "\nOptions:\n  -a, --all  Everything\n");
	assert_string_equal(none, "");
	for (char *rest = all, *line; (line = strsep(&rest, "\n")) != NULL;)
		assert_true(strlen(line) <= 80);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_go_to_their_fields),
		cmocka_unit_test(options_of_a_command_are_taken_behind_it_only),
		cmocka_unit_test(refusals_name_the_option_and_what_it_takes),
		cmocka_unit_test(help_shows_each_option_in_lines_that_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
