/*
 * docgen.h - the generator of manual pages, completions, the journal's catalog and
 * tables in documents: a template is copied, and the lines that are markers are
 * replaced by what the tables of options, commands and log kinds say. It runs while
 * trawld is built and is installed nowhere.
 */
#ifndef DOCS_DOCGEN_H
#define DOCS_DOCGEN_H

#include <stdio.h>

#include "base/cli.h"
#include "ctl/ctl.h"

/* What a page or a completion is about. */
struct subject {
	const char		 *name;
	const struct cli	 *cli;		/* NULL: a file, not a program */
	const struct ctl_command *commands;	/* NULL: the program has none */
};

/* Writes what stands for one marker. */
typedef void block_fn(FILE *out, const struct subject *);

struct block {
	const char *marker;
	block_fn   *write;
};

/* Each ends with a row without a marker. */
extern const struct block mdoc_blocks[], bash_blocks[], zsh_blocks[], fish_blocks[], log_blocks[];

/* What a value can be completed with. */
enum completion { COMPLETE_FLAG, COMPLETE_ANYTHING, COMPLETE_WORDS, COMPLETE_FILES, COMPLETE_DIRS };
enum completion completion_of(const struct cli_option *);
/* True when the command's operand is the name of a command. */
int command_takes_command(const struct ctl_command *);
/* ... or of a file. */
int command_takes_file(const struct ctl_command *);
/* "a, b, c" as "a b c"; dst of the same size as the text at least. */
char *words_spaced(char *dst, size_t size, const char *words);
/* The text with a backslash before each of the given characters. */
void put_escaped(FILE *out, const char *text, const char *special);

#endif
