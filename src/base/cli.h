/*
 * cli.h - a command line by a table of options: reading it, refusing with the nearest
 * word, and --help. Manual pages and completions are made from the same rows when
 * trawld is built, so an option is written down once.
 */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct why;

/* What the field is, and what it takes. */
enum cli_kind {
	CLI_FLAG,	/* bool; no value */
	CLI_TEXT,	/* const char *, into argv; not empty */
	CLI_GIVEN,	/* const char *, into argv, of any length; "" for a flag or a value left out */
	CLI_INT,	/* int within [min, max] */
	CLI_INT64,	/* int64_t within [min, max] */
	CLI_NUMBER,	/* double within [min, max] */
};

struct cli_option {
	const char	*name;		/* without "--" */
	char		 letter;	/* 0: none */
	const char	*value;		/* the value's name, NULL: takes none. FILE, PATH and DIR are completed */
	const char	*words;		/* "a, b, c": what the value may be. For people; not checked here */
	bool		 optional;	/* the value may be left out: --name[=VALUE]; with CLI_GIVEN only */
	enum cli_kind	 kind;
	size_t		 at;		/* of the field */
	double		 min, max;
	const char	*commands;	/* " trigger wait ": only theirs, spaces around each; NULL: anywhere */
	const char	*help;		/* a sentence without its full stop */
};

/* A program. Its texts are whole lines, but for the summary. */
struct cli {
	const char		*name, *summary;
	const char		*examples;	/* indented by two, the explanation of a line by six */
	const char		*details;	/* below the options; or NULL */
	const struct cli_option	*options;
	unsigned		 count;
};

/* True for what is taken everywhere, and for what the command takes; command may be NULL. */
bool cli_takes(const struct cli_option *, const char *command);

/* Sets the fields of the options that are given, in front of the first word that is none;
 * behind a command (then argv[0] is its name) also among such words. Returns the place in
 * argv of the first word left over, argc for none; -EINVAL with why, which names the option
 * and the nearest one. */
int cli_read(const struct cli *, const char *command, void *fields, int argc, char **argv, struct why *why);
/* The same for a program that takes options only: 0 or -EINVAL. */
int cli_read_all(const struct cli *, void *fields, int argc, char **argv, struct why *why);

/* The beginning of a help text: "NAME - SUMMARY", examples, usage. arguments may be NULL. */
void cli_help_head(FILE *out, const char *name, const char *summary, const char *examples,
    const char *arguments);
/* The options of a command, or with NULL those that are taken anywhere, below a title;
 * nothing when there are none. */
void cli_help_options(FILE *out, const struct cli *, const char *title, const char *command);
/* The whole help of a program without commands. */
void cli_help(FILE *out, const struct cli *);
/* "--name VALUE", "--name[=VALUE]" or "--name"; returns dst. */
char *cli_option_form(char *dst, size_t size, const struct cli_option *);

#endif
