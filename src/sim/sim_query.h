/*
 * sim_query.h - checks a query string against a table of what may stand in it,
 * and refuses in the provider's words: {"validation_errors":[...]}.
 */
#ifndef SIM_QUERY_H
#define SIM_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_out.h"
#include "base/loop.h"

enum query_kind {
	QUERY_TEXT,
	QUERY_NUMBER,	/* whole, min .. max */
	QUERY_BOOL,	/* true or false, in any letter case: Python says True */
	QUERY_WORD,	/* one of words, separated by '|' */
	QUERY_DATE,	/* YYYY-MM-DD or RFC 3339 */
};

struct query_rule {
	const char	*name;	/* NULL ends the table */
	enum query_kind	 kind;
	bool		 required;
	int64_t		 min, max;
	const char	*words;
};

/* Returns the number of faults; each is written as a string into errors, an
 * array that the caller has opened. */
unsigned query_check(const struct query_rule *, const struct evkeyvalq *, struct json_out *errors);

/* A value that has passed query_check(), or the fallback. */
const char *query_text(const struct evkeyvalq *, const char *name);
int64_t query_number(const struct evkeyvalq *, const char *name, int64_t fallback);
bool query_bool(const struct evkeyvalq *, const char *name);
/* Wall time; end_of_day: a date without a time means its last millisecond. */
int64_t query_time(const struct evkeyvalq *, const char *name, bool end_of_day, int64_t fallback);

#endif
