/*
 * sim_rows.h - the rows of a snapshot as one prepared text, and bodies made from
 * it by reference: a body of gigabytes costs a few hundred bytes.
 *
 * Each row stands in the text untouched, followed by ",\n" (or by "\n" when
 * lines is set). The rows may be repeated: row i is row i % count of the text.
 */
#ifndef SIM_ROWS_H
#define SIM_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evbuffer;

struct rows {
	char	*text;
	size_t	*at;		/* count + 1 offsets; the last is the text's length */
	size_t	 count;
	size_t	 room, slots;	/* allocated */
	bool	 lines;
	unsigned users;		/* bodies that refer to the text, and the owner */
};

/* Freed when the last body that refers to them has gone. */
struct rows *rows_new(bool lines);
void rows_release(struct rows *);

void rows_add(struct rows *, const char *row, size_t len);
/* The same rows one after the other until the text has at least size bytes or
 * holds the rows times times; how often is returned. */
uint64_t rows_tile(struct rows *, size_t size, uint64_t times);
/* The same rows as lines. */
struct rows *rows_as_lines(const struct rows *);

/* Adds rows first .. first+count-1 to out: a JSON array, or lines. */
void rows_body(struct rows *, uint64_t first, uint64_t count, struct evbuffer *out);

#endif
