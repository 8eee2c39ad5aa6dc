/*
 * sim_csv.h - JSON objects as lines of CSV, quoted by RFC 4180. The columns are the
 * keys of all rows in the order in which they first appear; null and a missing key
 * are an empty cell, an array or object stands in its cell as compact JSON.
 */
#ifndef SIM_CSV_H
#define SIM_CSV_H

#include "base/json.h"
#include "sim/sim_rows.h"

struct evbuffer;

/* Adds the keys of row that columns, an object, does not have yet. */
void csv_add_columns(json_t *columns, const json_t *row);
void csv_header(struct evbuffer *out, json_t *columns);
void csv_line(struct evbuffer *out, json_t *columns, const json_t *row);

struct csv {
	struct rows	*lines;		/* one for each row; released with the csv */
	char		*header;	/* "" for no rows */
};

/* Of prepared JSON rows. A row that cannot be read as an object (a records file may hold
 * such) stands whole in the first cell of its line. */
struct csv *csv_make(const struct rows *);
void csv_free(struct csv *);

#endif
