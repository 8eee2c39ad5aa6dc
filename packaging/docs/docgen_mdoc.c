/*
 * docgen_mdoc.c - the lists of the manual pages, in mdoc(7).
 */
#include "docgen.h"

#include <ctype.h>
#include <string.h>

#include "conf/option.h"
#include "sim/sim_dataset.h"

/* One character; "." and "'" at the beginning of a line would be read as a request. */
static void
put_char(FILE *out, char before, char c, bool minus)
{
	if (before == '\n' && (c == '.' || c == '\''))
		fputs("\\&", out);
	if (c == '\\')
		fputs("\\e", out);
	else if (c == '-' && minus)
		fputs("\\-", out);
	else
		fputc(c, out);
}

/* Text for people, each sentence on its line. A hyphen that begins a word is the sign of
 * an option, so it must stay one; names in capitals are not parted at a line's end. */
static void
put_text(FILE *out, const char *text)
{
	char before = '\n', before2 = '\n';

	for (; *text != '\0'; before2 = before, before = *text++) {
		if (isspace((unsigned char)before) && isupper((unsigned char)text[0]) && isupper((unsigned char)text[1]))
			fputs("\\%", out);
		if (*text == ' ' && before == '.' && isalnum((unsigned char)before2) &&
		    isupper((unsigned char)text[1]))
			fputc('\n', out);
		else
			put_char(out, before, *text, strchr(" \n(\"-", before) != NULL);
	}
}

/* Text to be copied: each hyphen is a minus. */
static void
put_literal(FILE *out, const char *text)
{
	char before = '\n';

	for (; *text != '\0'; before = *text++)
		put_char(out, before, *text, true);
}

/* The lines without the two spaces that they are indented by in --help. */
static void
put_examples(FILE *out, const char *examples)
{
	fputs(".Bd -literal -offset indent\n", out);
	while (*examples != '\0') {
		size_t len = strcspn(examples, "\n"), indent = strncmp(examples, "  ", 2) == 0 ? 2 : 0;
		char line[200];

		(void)snprintf(line, sizeof(line), "%.*s\n", (int)(len - indent), examples + indent);
		put_literal(out, line);
		examples += len + (examples[len] == '\n');
	}
	fputs(".Ed\n", out);
}

/* "Fl -file Ar FILE" without a line's beginning and end. */
static void
put_form(FILE *out, const struct cli_option *o)
{
	if (o->letter != 0)
		fprintf(out, "Fl %c , ", o->letter);
	fprintf(out, "Fl -%s", o->name);
	if (o->value != NULL)
		fprintf(out, o->optional ? " Ns Oo = Ns Ar %s Oc" : " Ar %s", o->value);
}

static void
put_option(FILE *out, const struct cli_option *o)
{
	fputs(".It ", out);
	put_form(out, o);
	fputc('\n', out);
	put_text(out, o->help);
	if (o->words != NULL)
		fprintf(out, "; one of %s", o->words);
	fputs(".\n", out);
}

static void
put_options(FILE *out, const struct cli *cli, const char *command)
{
	bool begun = false;

	for (unsigned i = 0; i < cli->count; i++) {
		const struct cli_option *o = &cli->options[i];

		if (!cli_takes(o, command) || (command != NULL && o->commands == NULL))
			continue;
		if (!begun)
			fputs(".Bl -tag -width Ds\n", out);
		begun = true;
		put_option(out, o);
	}
	if (begun)
		fputs(".El\n", out);
}

static void
mdoc_synopsis(FILE *out, const struct subject *s)
{
	for (unsigned i = 0; i < s->cli->count; i++) {
		if (s->cli->options[i].commands != NULL)
			continue;
		fputs(".Op ", out);
		put_form(out, &s->cli->options[i]);
		fputc('\n', out);
	}
}

static void
mdoc_options(FILE *out, const struct subject *s)
{
	put_options(out, s->cli, NULL);
}

static void
mdoc_examples(FILE *out, const struct subject *s)
{
	put_examples(out, s->cli->examples);
}

/* "[ID]" as "Op Ar ID". */
static void
put_operand(FILE *out, const char *operand)
{
	bool optional = operand[0] == '[';

	fprintf(out, "%s%.*s\n", optional ? ".Op Ar " : ".Ar ", (int)(strlen(operand) - 2 * optional),
	    operand + optional);
}

static void
mdoc_commands(FILE *out, const struct subject *s)
{
	for (const struct ctl_command *c = s->commands; c->name != NULL; c++) {
		fprintf(out, ".Ss %s\n.Nm\n.Cm %s\n.Op Ar option ...\n", c->name, c->name);
		if (c->operand != NULL)
			put_operand(out, c->operand);
		fputs(".Pp\n", out);
		put_text(out, c->summary);
		fputs(".\n", out);
		if (c->details != NULL)
			put_text(out, c->details);
		put_options(out, s->cli, c->name);
		put_examples(out, c->examples);
	}
}

static void
mdoc_settings(FILE *out, const struct subject *s)
{
	static const char *const kinds[] = {
		[OPTION_TEXT] = "text", [OPTION_BOOL] = "yes or no", [OPTION_NUMBER] = "number",
		[OPTION_DURATION] = "duration", [OPTION_SIZE] = "size", [OPTION_WORD] = "word",
	};
	char range[256];

	(void)s;
	fputs(".Bl -tag -width Ds\n", out);
	for (unsigned i = 0; i < option_count; i++) {
		const struct option *o = &options[i];

		fprintf(out, ".It Ev %s Pq %s\n", o->name, kinds[o->kind]);
		put_text(out, o->help);
		fputs("\n.Pp\nAllowed: ", out);
		put_text(out, option_range(o, range, sizeof(range)));
		fputs(".\n", out);
		if (o->fallback[0] != '\0')
			fprintf(out, "Default:\n.Ql %s .\n", o->fallback);
		else
			fputs("Default: none.\n", out);
		if (o->secret)
			fputs("A secret: it is neither printed nor logged.\n", out);
	}
	fputs(".El\n", out);
}

static void
put_mode(FILE *out, const struct sim_mode *m)
{
	fputs(".It\n", out);
	if (m->discover_by != NULL)
		fprintf(out, "by\n.Li %s :\n", m->discover_by);
	for (const struct field *f = m->fields; f->name != NULL; f++)
		fprintf(out, f->required ? ".Li %s\n" : ".Op Li %s\n", f->name);
}

static void
mdoc_datasets(FILE *out, const struct subject *s)
{
	(void)s;
	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < dataset_count; i++) {
		fprintf(out, ".It Li %s\n", datasets[i].id);
		put_text(out, datasets[i].name);
		fputs("\n.Bl -item -compact\n", out);
		for (const struct sim_mode *m = datasets[i].modes; m->fields != NULL; m++)
			put_mode(out, m);
		fputs(".El\n", out);
	}
	fputs(".El\n", out);
}

const struct block mdoc_blocks[] = {
	{ "synopsis", mdoc_synopsis },
	{ "options", mdoc_options },
	{ "commands", mdoc_commands },
	{ "examples", mdoc_examples },
	{ "settings", mdoc_settings },
	{ "datasets", mdoc_datasets },
	{ NULL, NULL },
};
