/*
 * cli.c - getopt's list, the values, the refusals and the help, all from the table's
 * rows. Writes to the fields that a row names and nowhere else.
 */
#include "base/cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/number.h"
#include "base/why.h"

#define OPTIONS_MAX 64
#define KEY_BASE    1000	/* getopt's values of our options, clear of letters */
#define NAME_SIZE   48
#define HELP_WIDTH  80
#define LEFT_MAX    30		/* a longer left column stands on a line of its own */

bool
cli_takes(const struct cli_option *option, const char *command)
{
	char word[NAME_SIZE];

	if (option->commands == NULL)
		return true;
	if (command == NULL)
		return false;
	(void)snprintf(word, sizeof(word), " %s ", command);
	return strstr(option->commands, word) != NULL;
}

/* ---- reading ---- */

struct getopt_list {
	struct option	rows[OPTIONS_MAX + 1];
	char		letters[2 * OPTIONS_MAX + 3];
};

static void
list_fill(struct getopt_list *list, const struct cli *cli, const char *command)
{
	struct option *row = list->rows;
	char *letter = list->letters;

	if (command == NULL)
		*letter++ = '+';	/* stop at the first word that is no option */
	*letter++ = ':';
	assert(cli->count <= OPTIONS_MAX);
	for (unsigned i = 0; i < cli->count; i++) {
		const struct cli_option *o = &cli->options[i];

		if (!cli_takes(o, command))
			continue;
		*row++ = (struct option){ o->name, o->value == NULL ? no_argument : o->optional ?
		    optional_argument : required_argument, NULL, KEY_BASE + (int)i };
		if (o->letter == 0)
			continue;
		*letter++ = o->letter;
		if (o->value != NULL && !o->optional)
			*letter++ = ':';
	}
	*row = (struct option){ NULL, 0, NULL, 0 };
	*letter = '\0';
}

/* The option that getopt's value means, or NULL. */
static const struct cli_option *
option_of(const struct cli *cli, const char *command, int key)
{
	if (key >= KEY_BASE)
		return &cli->options[key - KEY_BASE];
	for (unsigned i = 0; i < cli->count; i++) {
		if (key != 0 && cli->options[i].letter == key && cli_takes(&cli->options[i], command))
			return &cli->options[i];
	}
	return NULL;
}

static int
refuse_unknown(const struct cli *cli, const char *command, const char *typed, struct why *why)
{
	const char *of = command != NULL ? " for " : "", *whom = command != NULL ? command : "";
	char shown[80], name[NAME_SIZE] = "";
	struct nearest nearest = { .typed = name };

	if (strncmp(typed, "--", 2) != 0)
		return why_set(why, EINVAL, "no option -%c%s%s", optopt >= ' ' && optopt < 127 ? optopt : '?', of,
		    whom);
	(void)str_printable(shown, sizeof(shown), typed, strcspn(typed, "="));
	(void)str_copy_n(name, sizeof(name), typed + 2, strcspn(typed + 2, "="));
	for (unsigned i = 0; i < cli->count && name[0] != '\0'; i++) {
		if (cli_takes(&cli->options[i], command))
			nearest_try(&nearest, cli->options[i].name);
	}
	if (nearest.best != NULL)
		return why_set(why, EINVAL, "no option %s%s%s; did you mean --%s?", shown, of, whom, nearest.best);
	return why_set(why, EINVAL, "no option %s%s%s", shown, of, whom);
}

static int
refuse_value(const struct cli_option *option, const char *text, struct why *why)
{
	char shown[80];

	return why_set(why, EINVAL, "--%s takes a %s from %.15g to %.15g, not \"%s\"", option->name,
	    option->kind == CLI_NUMBER ? "number" : "whole number", option->min, option->max,
	    str_printable(shown, sizeof(shown), text, strlen(text)));
}

static int
number_read(double *ret, const struct cli_option *option, const char *text)
{
	char *end;
	double n;

	errno = 0;
	n = strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0 || !(n >= option->min && n <= option->max))
		return -EINVAL;
	*ret = n;
	return 0;
}

static int
value_take(const struct cli_option *option, void *field, const char *text, struct why *why)
{
	int64_t number;

	switch (option->kind) {
	case CLI_FLAG:
		*(bool *)field = true;
		return 0;
	case CLI_TEXT:
		if (text[0] == '\0')
			return why_set(why, EINVAL, "--%s needs a value", option->name);
		*(const char **)field = text;
		return 0;
	case CLI_GIVEN:
		*(const char **)field = text != NULL ? text : "";
		return 0;
	case CLI_NUMBER:
		return number_read(field, option, text) < 0 ? refuse_value(option, text, why) : 0;
	case CLI_INT:
	case CLI_INT64:
		if (number_parse(text, (int64_t)option->min, (int64_t)option->max, &number) < 0)
			return refuse_value(option, text, why);
		if (option->kind == CLI_INT)
			*(int *)field = (int)number;
		else
			*(int64_t *)field = number;
		return 0;
	}
	return -EINVAL;
}

int
cli_read(const struct cli *cli, const char *command, void *fields, int argc, char **argv, struct why *why)
{
	const struct cli_option *option;
	struct getopt_list list;
	char form[80];
	int key, rc;

	list_fill(&list, cli, command);
	opterr = 0;
	optind = 0;		/* glibc: start afresh */
	while ((key = getopt_long(argc, argv, list.letters, list.rows, NULL)) != -1) {
		option = option_of(cli, command, key == '?' || key == ':' ? optopt : key);
		if (option == NULL)
			return refuse_unknown(cli, command, argv[optind - 1], why);
		if (key == ':')
			return why_set(why, EINVAL, "--%s needs a value: %s", option->name,
			    cli_option_form(form, sizeof(form), option));
		if (key == '?')
			return why_set(why, EINVAL, "--%s takes no value", option->name);
		rc = value_take(option, (char *)fields + option->at, optarg, why);
		if (rc < 0)
			return rc;
	}
	return optind;
}

int
cli_read_all(const struct cli *cli, void *fields, int argc, char **argv, struct why *why)
{
	int rest = cli_read(cli, NULL, fields, argc, argv, why);
	char shown[80];

	if (rest < 0 || rest >= argc)
		return rest < 0 ? rest : 0;
	return why_set(why, EINVAL, "takes options only: \"%s\" is too much",
	    str_printable(shown, sizeof(shown), argv[rest], strlen(argv[rest])));
}

/* ---- help ---- */

char *
cli_option_form(char *dst, size_t size, const struct cli_option *o)
{
	(void)snprintf(dst, size, "--%s%s%s%s", o->name, o->value == NULL ? "" : o->optional ? "[=" : " ",
	    o->value != NULL ? o->value : "", o->value != NULL && o->optional ? "]" : "");
	return dst;
}

/* The text in lines of HELP_WIDTH, each but the first behind so many spaces. */
static void
print_wrapped(FILE *out, int indent, const char *text)
{
	size_t room = HELP_WIDTH - (size_t)indent;

	while (strlen(text) > room) {
		size_t end = room;

		while (end > 0 && text[end] != ' ')
			end--;
		if (end == 0)
			end = strcspn(text, " ");
		if (text[end] == '\0')
			break;
		fprintf(out, "%.*s\n%*s", (int)end, text, indent, "");
		text += end + 1;
	}
	fprintf(out, "%s\n", text);
}

static bool
is_listed(const struct cli_option *option, const char *command)
{
	return cli_takes(option, command) && (command == NULL || option->commands != NULL);
}

static bool
has_letters(const struct cli *cli)
{
	for (unsigned i = 0; i < cli->count; i++)
		if (cli->options[i].letter != 0)
			return true;
	return false;
}

/* "-n, --num-of-posts N"; where only other options have a letter, its room stays free. */
static int
left_column(char *dst, size_t size, const struct cli *cli, const struct cli_option *option)
{
	char form[80], letter[8] = "";

	if (option->letter != 0)
		(void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	else if (has_letters(cli))
		(void)snprintf(letter, sizeof(letter), "    ");
	return snprintf(dst, size, "%s%s", letter, cli_option_form(form, sizeof(form), option));
}

static int
left_width(const struct cli *cli, const char *command)
{
	int width = 0, len;
	char left[100];

	for (unsigned i = 0; i < cli->count; i++) {
		if (!is_listed(&cli->options[i], command))
			continue;
		len = left_column(left, sizeof(left), cli, &cli->options[i]);
		if (len > width && len <= LEFT_MAX)
			width = len;
	}
	return width;
}

void
cli_help_options(FILE *out, const struct cli *cli, const char *title, const char *command)
{
	int width = left_width(cli, command);
	bool titled = false;
	char left[100], text[400];

	for (unsigned i = 0; i < cli->count; i++) {
		const struct cli_option *o = &cli->options[i];

		if (!is_listed(o, command))
			continue;
		if (!titled)
			fprintf(out, "\n%s:\n", title);
		titled = true;
		(void)snprintf(text, sizeof(text), "%s%s%s", o->help, o->words != NULL ? "; one of " : "",
		    o->words != NULL ? o->words : "");
		if (left_column(left, sizeof(left), cli, o) > LEFT_MAX)
			fprintf(out, "  %s\n%*s", left, width + 4, "");
		else
			fprintf(out, "  %-*s  ", width, left);
		print_wrapped(out, width + 4, text);
	}
}

void
cli_help_head(FILE *out, const char *name, const char *summary, const char *examples, const char *arguments)
{
	fprintf(out, "%s - %s\n\nExamples:\n%s\nUsage: %s [OPTION...]%s%s\n", name, summary, examples, name,
	    arguments != NULL ? " " : "", arguments != NULL ? arguments : "");
}

void
cli_help(FILE *out, const struct cli *cli)
{
	cli_help_head(out, cli->name, cli->summary, cli->examples, NULL);
	cli_help_options(out, cli, "Options", NULL);
	if (cli->details != NULL)
		fprintf(out, "\n%s", cli->details);
}
