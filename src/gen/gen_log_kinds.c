/*
 * gen_log_kinds.c - what people read about the log, made of the table of log kinds
 * while trawld is built:
 *
 *   gen-log-kinds catalog     systemd/trawld.catalog's text, for journalctl --catalog
 *   gen-log-kinds markdown    the table in OPERATIONS.md
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/log_kind.h"

#define WIDTH 78

/* ---- the catalog ---- */

/* A paragraph, broken between words. */
static void
print_wrapped(const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > WIDTH) {
			(void)putchar('\n');
			column = 0;
		} else if (column > 0) {
			(void)putchar(' ');
			column++;
		}
		(void)fwrite(text, 1, len, stdout);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	(void)putchar('\n');
}

static void
print_entry(const struct log_kind *kind)
{
	(void)printf("\n# %s, %s\n-- %s\nSubject: %s\nDefined-By: trawld\nSupport: man:trawld(8)\n\n",
	    kind->name, log_level_name(kind->level), kind->message_id, kind->subject);
	print_wrapped(kind->meaning);
	if (kind->action[0] != '\0') {
		(void)puts("\nWhat to do:");
		print_wrapped(kind->action);
	}
	if (kind->of_crawl)
		(void)puts("\nAll lines of this crawl:\n  journalctl TRAWLD_CRAWL_ID=@TRAWLD_CRAWL_ID@");
}

static void
print_catalog(void)
{
	const struct log_kind *kind;

	(void)puts("# What the lines of trawld mean; shown by journalctl --catalog.");
	for (unsigned i = 0; (kind = log_kind_at(i)) != NULL; i++)
		print_entry(kind);
}

/* ---- the table ---- */

static void
print_markdown(void)
{
	const struct log_kind *kind;

	(void)puts("| Kind | Level | When | What to do |\n|---|---|---|---|");
	for (unsigned i = 0; (kind = log_kind_at(i)) != NULL; i++)
		(void)printf("| `%s` | %s | %s. %s | %s |\n", kind->name, log_level_name(kind->level),
		    kind->subject, kind->meaning, kind->action);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void	   (*print)(void);
	} modes[] = { { "catalog", print_catalog }, { "markdown", print_markdown } };

	for (size_t i = 0; argc == 2 && i < countof(modes); i++) {
		if (strcmp(argv[1], modes[i].word) != 0)
			continue;
		modes[i].print();
		return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	(void)fputs("usage: gen-log-kinds catalog|markdown\n", stderr);
	return 64;
}
