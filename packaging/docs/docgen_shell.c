/*
 * docgen_shell.c - the tables of the completions for bash, zsh and fish. What they do
 * with them stands in the templates, packaging/completions/.
 */
#include "docgen.h"

#include <string.h>

#define WORDS_SIZE 400

static bool
is_own(const struct cli_option *o, const char *command)
{
	return command == NULL ? o->commands == NULL : o->commands != NULL && cli_takes(o, command);
}

static void
put_command_names(FILE *out, const struct subject *s)
{
	for (const struct ctl_command *c = s->commands; c != NULL && c->name != NULL; c++)
		fprintf(out, "%s%s", c == s->commands ? "" : " ", c->name);
}

/* The rows of one command, or with NULL those that are taken anywhere. */
typedef void row_fn(FILE *out, const struct cli_option *, const char *command);

static void
each_option(FILE *out, const struct cli *cli, const char *command, row_fn *row)
{
	for (unsigned i = 0; i < cli->count; i++)
		if (is_own(&cli->options[i], command))
			row(out, &cli->options[i], command);
}

static bool
has_own(const struct cli *cli, const char *command)
{
	for (unsigned i = 0; i < cli->count; i++)
		if (is_own(&cli->options[i], command))
			return true;
	return false;
}

static void
each_command(FILE *out, const struct subject *s, row_fn *row)
{
	each_option(out, s->cli, NULL, row);
	for (const struct ctl_command *c = s->commands; c != NULL && c->name != NULL; c++)
		each_option(out, s->cli, c->name, row);
}

/* ---- bash ---- */

static void
bash_commands(FILE *out, const struct subject *s)
{
	fputs("\tlocal commands='", out);
	put_command_names(out, s);
	fputs("'\n", out);
}

static void
bash_name(FILE *out, const struct cli_option *o, const char *command)
{
	(void)command;
	fprintf(out, " --%s", o->name);
}

static void
bash_options(FILE *out, const struct subject *s)
{
	fputs("\toptions='", out);
	each_option(out, s->cli, NULL, bash_name);
	fputs("'\n\tcase $1 in\n", out);
	for (const struct ctl_command *c = s->commands; c != NULL && c->name != NULL; c++) {
		if (command_takes_command(c))
			fprintf(out, "\t%s) operands=$commands ;;\n", c->name);
		if (command_takes_file(c))
			fprintf(out, "\t%s) operands=/files ;;\n", c->name);
		if (!has_own(s->cli, c->name))
			continue;
		fprintf(out, "\t%s) options+='", c->name);
		each_option(out, s->cli, c->name, bash_name);
		fputs("' ;;\n", out);
	}
	fputs("\tesac\n", out);
}

/* "trigger --file" | "trigger -f"; a star for the command where it does not matter. */
static void
bash_value(FILE *out, const struct cli_option *o, const char *command)
{
	static const char *const kinds[] = {
		[COMPLETE_FLAG] = "", [COMPLETE_ANYTHING] = "anything", [COMPLETE_WORDS] = "words",
		[COMPLETE_FILES] = "files", [COMPLETE_DIRS] = "dirs",
	};
	char words[WORDS_SIZE];

	if (o->value == NULL)
		return;
	if (command == NULL)
		command = "*";
	fprintf(out, "\t%s' --%s'", command, o->name);
	if (o->letter != 0)
		fprintf(out, " | %s' -%c'", command, o->letter);
	fprintf(out, ") kind=%s", kinds[completion_of(o)]);
	if (o->words != NULL)
		fprintf(out, " words='%s'", words_spaced(words, sizeof(words), o->words));
	fprintf(out, "%s ;;\n", o->optional ? " optional=yes" : "");
}

static void
bash_values(FILE *out, const struct subject *s)
{
	each_command(out, s, bash_value);
}

const struct block bash_blocks[] = {
	{ "bash-commands", bash_commands },
	{ "bash-options", bash_options },
	{ "bash-values", bash_values },
	{ NULL, NULL },
};

/* ---- zsh: specifications as _arguments reads them, in single quotes ---- */

/* Within single quotes a quote is closed, escaped and opened again. */
static void
put_quoted(FILE *out, const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		char one[2] = { *text, '\0' };

		if (*text == '\'')
			fputs("'\\''", out);
		else
			put_escaped(out, one, special);
	}
}

static void
zsh_commands(FILE *out, const struct subject *s)
{
	for (const struct ctl_command *c = s->commands; c != NULL && c->name != NULL; c++) {
		fprintf(out, "\t'%s:", c->name);
		put_quoted(out, c->summary, "\\:");
		fputs("'\n", out);
	}
}

static void
zsh_option(FILE *out, const struct cli_option *o, const char *command)
{
	char words[WORDS_SIZE];

	fputs(command != NULL ? "\t\t\t" : "\t", out);
	if (o->letter != 0)
		fprintf(out, "'(-%c --%s)'{-%c%s,--%s%s}'", o->letter, o->name, o->letter, o->value != NULL ? "+" : "",
		    o->name, o->value != NULL ? "=" : "");
	else
		fprintf(out, "'--%s%s", o->name, o->value == NULL ? "" : o->optional ? "=-" : "=");
	fputc('[', out);
	put_quoted(out, o->help, "\\[]:");
	fputc(']', out);
	if (o->value != NULL)
		fprintf(out, "%s%s:", o->optional ? "::" : ":", o->value);
	switch (completion_of(o)) {
	case COMPLETE_FILES:
		fputs("_files", out);
		break;
	case COMPLETE_DIRS:
		fputs("_files -/", out);
		break;
	case COMPLETE_WORDS:
		fprintf(out, "(%s)", words_spaced(words, sizeof(words), o->words));
		break;
	case COMPLETE_ANYTHING:
		fputc(' ', out);
		break;
	case COMPLETE_FLAG:
		break;
	}
	fputs("'\n", out);
}

static void
zsh_options(FILE *out, const struct subject *s)
{
	each_option(out, s->cli, NULL, zsh_option);
}

static void
zsh_command_options(FILE *out, const struct subject *s)
{
	for (const struct ctl_command *c = s->commands; c != NULL && c->name != NULL; c++) {
		if (command_takes_command(c))
			fprintf(out, "\t%s) operand=('1:command:->command') ;;\n", c->name);
		if (command_takes_file(c))
			fprintf(out, "\t%s) operand=('1:file:_files') ;;\n", c->name);
		if (!has_own(s->cli, c->name))
			continue;
		fprintf(out, "\t%s)\n\t\toptions+=(\n", c->name);
		each_option(out, s->cli, c->name, zsh_option);
		fputs("\t\t) ;;\n", out);
	}
}

const struct block zsh_blocks[] = {
	{ "zsh-commands", zsh_commands },
	{ "zsh-options", zsh_options },
	{ "zsh-command-options", zsh_command_options },
	{ NULL, NULL },
};

/* ---- fish: one complete a line ---- */

static void
put_fish_text(FILE *out, const char *text)
{
	fputc('\'', out);
	put_escaped(out, text, "\\'");
	fputc('\'', out);
}

static void
fish_valued(FILE *out, const struct cli_option *o, const char *command)
{
	(void)command;
	if (o->value == NULL || o->optional)
		return;
	fprintf(out, " --%s", o->name);
	if (o->letter != 0)
		fprintf(out, " -%c", o->letter);
}

/* Names that take a value for one command and none for another would need more; there are none. */
static void
fish_skip(FILE *out, const struct subject *s)
{
	fputs("\t\t\tcase", out);
	each_command(out, s, fish_valued);
	fputc('\n', out);
}

static void
fish_commands(FILE *out, const struct subject *s)
{
	for (const struct ctl_command *c = s->commands; c != NULL && c->name != NULL; c++) {
		fprintf(out, "complete -c %s -n 'test -z (__%s_command)' -a %s -d ", s->name, s->name, c->name);
		put_fish_text(out, c->summary);
		fputc('\n', out);
	}
}

static void
fish_option_of(FILE *out, const struct subject *s, const struct cli_option *o, const char *command)
{
	char words[WORDS_SIZE];

	fprintf(out, "complete -c %s", s->name);
	if (command != NULL)
		fprintf(out, " -n 'test (__%s_command) = %s'", s->name, command);
	if (o->letter != 0)
		fprintf(out, " -s %c", o->letter);
	fprintf(out, " -l %s", o->name);
	switch (completion_of(o)) {
	case COMPLETE_FILES:
		fputs(" -r -F", out);
		break;
	case COMPLETE_DIRS:
		fputs(" -x -a '(__fish_complete_directories)'", out);
		break;
	case COMPLETE_WORDS:
		fprintf(out, " %s -a '%s'", o->optional ? "-f" : "-x", words_spaced(words, sizeof(words), o->words));
		break;
	case COMPLETE_ANYTHING:
		fputs(" -x", out);
		break;
	case COMPLETE_FLAG:
		break;
	}
	fputs(" -d ", out);
	put_fish_text(out, o->help);
	fputc('\n', out);
}

static void
fish_options_of(FILE *out, const struct subject *s, const char *command)
{
	for (unsigned i = 0; i < s->cli->count; i++)
		if (is_own(&s->cli->options[i], command))
			fish_option_of(out, s, &s->cli->options[i], command);
}

static void
fish_options(FILE *out, const struct subject *s)
{
	fish_options_of(out, s, NULL);
	for (const struct ctl_command *c = s->commands; c != NULL && c->name != NULL; c++) {
		if (command_takes_command(c)) {
			fprintf(out, "complete -c %s -n 'test (__%s_command) = %s' -a '", s->name, s->name, c->name);
			put_command_names(out, s);
			fputs("'\n", out);
		}
		if (command_takes_file(c))
			fprintf(out, "complete -c %s -n 'test (__%s_command) = %s' -F\n", s->name, s->name, c->name);
		fish_options_of(out, s, c->name);
	}
}

const struct block fish_blocks[] = {
	{ "fish-skip", fish_skip },
	{ "fish-commands", fish_commands },
	{ "fish-options", fish_options },
	{ NULL, NULL },
};
