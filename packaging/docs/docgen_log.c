/*
 * docgen_log.c - what people read about the log, made of the table of log kinds: the
 * journal's catalog (journalctl --catalog), and the table in OPERATIONS.md.
 */
#include "docgen.h"

#include <string.h>

#include "model/log_kind.h"

#define WIDTH 78

/* ---- the catalog ---- */

/* A paragraph, broken between words. */
static void
put_wrapped(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > WIDTH) {
			fputc('\n', out);
			column = 0;
		} else if (column > 0) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
put_entry(FILE *out, const struct log_kind *kind)
{
	fprintf(out, "\n# %s, %s\n-- %s\nSubject: %s\nDefined-By: trawld\nSupport: man:trawld(8)\n\n",
	    kind->name, log_level_name(kind->level), kind->message_id, kind->subject);
	put_wrapped(out, kind->meaning);
	if (kind->action[0] != '\0') {
		fputs("\nWhat to do:\n", out);
		put_wrapped(out, kind->action);
	}
	if (kind->of_crawl)
		fputs("\nAll lines of this crawl:\n  journalctl TRAWLD_CRAWL_ID=@TRAWLD_CRAWL_ID@\n", out);
}

static void
put_catalog(FILE *out, const struct subject *subject)
{
	const struct log_kind *kind;

	(void)subject;
	for (unsigned i = 0; (kind = log_kind_at(i)) != NULL; i++)
		put_entry(out, kind);
}

/* ---- the table ---- */

static void
put_table(FILE *out, const struct subject *subject)
{
	const struct log_kind *kind;

	(void)subject;
	fputs("| Kind | Level | When | What to do |\n|---|---|---|---|\n", out);
	for (unsigned i = 0; (kind = log_kind_at(i)) != NULL; i++)
		fprintf(out, "| `%s` | %s | %s. %s | %s |\n", kind->name, log_level_name(kind->level),
		    kind->subject, kind->meaning, kind->action);
}

const struct block log_blocks[] = {
	{ "log-catalog", put_catalog },
	{ "log-kinds", put_table },
	{ NULL, NULL },
};
