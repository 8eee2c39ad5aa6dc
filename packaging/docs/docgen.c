/*
 * docgen.c - docgen SUBJECT TEMPLATE DATE >PAGE: copies the template. A line that is
 * "@marker@" and nothing else is replaced by that marker's block; within lines
 * @PROGRAM@, @FUNCTION@, @VERSION@ and @DATE@ are. A marker that nobody knows is an
 * error, so that a page never lacks its list by a typing mistake.
 */
#include "docgen.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sim_options.h"
#include "supervisor/options.h"

static const struct subject subjects[] = {
	{ "trawld", &trawld_cli, NULL },
	{ "trawlctl", &ctl_cli, ctl_commands },
	{ "trawl-sim", &sim_cli, NULL },
	{ "trawld.env", NULL, NULL },
};

static const struct block *const blocks[] = { mdoc_blocks, bash_blocks, zsh_blocks, fish_blocks, log_blocks };

static const struct subject *
subject_find(const char *name)
{
	for (size_t i = 0; i < countof(subjects); i++)
		if (strcmp(subjects[i].name, name) == 0)
			return &subjects[i];
	return NULL;
}

static block_fn *
block_find(const char *marker)
{
	for (size_t i = 0; i < countof(blocks); i++)
		for (const struct block *b = blocks[i]; b->marker != NULL; b++)
			if (strcmp(b->marker, marker) == 0)
				return b->write;
	return NULL;
}

/* ---- what the writers share ---- */

enum completion
completion_of(const struct cli_option *o)
{
	if (o->value == NULL)
		return COMPLETE_FLAG;
	if (o->words != NULL)
		return COMPLETE_WORDS;
	if (strcmp(o->value, "FILE") == 0 || strcmp(o->value, "PATH") == 0)
		return COMPLETE_FILES;
	return strcmp(o->value, "DIR") == 0 ? COMPLETE_DIRS : COMPLETE_ANYTHING;
}

int
command_takes_command(const struct ctl_command *c)
{
	return c->operand != NULL && strstr(c->operand, "COMMAND") != NULL;
}

int
command_takes_file(const struct ctl_command *c)
{
	return c->operand != NULL && strstr(c->operand, "FILE") != NULL;
}

char *
words_spaced(char *dst, size_t size, const char *words)
{
	size_t len = 0;

	for (; *words != '\0' && len + 1 < size; words++)
		if (*words != ',')
			dst[len++] = *words;
	dst[len] = '\0';
	return dst;
}

void
put_escaped(FILE *out, const char *text, const char *special)
{
	for (; *text != '\0'; text++) {
		if (strchr(special, *text) != NULL)
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* ---- the template ---- */

struct inline_marker {
	const char *marker, *value;
};

/* The name as a shell function may have it. */
static void
put_function(char *dst, size_t size, const char *name)
{
	(void)str_copy(dst, size, name);
	for (; *dst != '\0'; dst++)
		if (!isalnum((unsigned char)*dst))
			*dst = '_';
}

static void
put_line(const char *line, const struct inline_marker *inlines, size_t count)
{
	while (*line != '\0') {
		size_t i, len = 1;

		for (i = 0; i < count; i++) {
			len = strlen(inlines[i].marker);
			if (strncmp(line, inlines[i].marker, len) == 0)
				break;
		}
		if (i < count)
			fputs(inlines[i].value, stdout);
		else
			putchar(*line);
		line += i < count ? len : 1;
	}
}

/* "@marker@\n" as "marker" in place, or NULL for any other line. */
static char *
marker_of(char *line)
{
	size_t len = strcspn(line, "\n");

	if (len < 3 || line[0] != '@' || line[len - 1] != '@' || strcspn(line + 1, "@ ") != len - 2)
		return NULL;
	line[len - 1] = '\0';
	return line + 1;
}

static int
copy_template(FILE *in, const char *path, const struct subject *subject, const char *date)
{
	char function[40];
	const struct inline_marker inlines[] = {
		{ "@PROGRAM@", subject->name }, { "@FUNCTION@", function }, { "@VERSION@", TRAWLD_VERSION },
		{ "@DATE@", date },
	};
	scoped_free char *line = NULL;
	size_t size = 0;

	put_function(function, sizeof(function), subject->name);
	for (int number = 1; getline(&line, &size, in) >= 0; number++) {
		char *marker = marker_of(line);
		block_fn *block = marker != NULL ? block_find(marker) : NULL;

		if (marker != NULL && block == NULL) {
			fprintf(stderr, "docgen: %s:%d: no marker @%s@ is known\n", path, number, marker);
			return EXIT_FAILURE;
		}
		if (block != NULL)
			block(stdout, subject);
		else
			put_line(line, inlines, countof(inlines));
	}
	return ferror(in) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const struct subject *subject = argc == 4 ? subject_find(argv[1]) : NULL;
	FILE *in;
	int status;

	if (subject == NULL) {
		fputs("usage: docgen trawld|trawlctl|trawl-sim|trawld.env TEMPLATE DATE\n", stderr);
		return EX_USAGE;
	}
	in = fopen(argv[2], "r");
	if (in == NULL) {
		fprintf(stderr, "docgen: cannot read %s: %s\n", argv[2], strerror(errno));
		return EXIT_FAILURE;
	}
	status = copy_template(in, argv[2], subject, argv[3]);
	(void)fclose(in);
	return status;
}
