/*
 * log_line.h - what a line of the log looks like. Pure: a record in, bytes out.
 * For log.c and its tests.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

#define LOG_TEXT_SIZE 1024	/* of a line for people, its end included; longer is cut with "..." */

struct log_record {
	int64_t			 time_ms;	/* wall */
	enum log_level		 level;
	const char		*who;		/* "poller[2]" */
	const struct log_kind	*kind;		/* or NULL */
	const struct log_fields	*fields;	/* or NULL */
	const struct log_place	*place;
	const char		*message;	/* as it was written: may hold anything */
};

/* Each fills dst and returns the length; the last byte is a line's end. */
size_t log_line_text(char dst[LOG_TEXT_SIZE], const struct log_record *);
/* For a stderr that the journal reads: it notes the time itself, "<4>" is the level. */
size_t log_line_prefixed(char dst[LOG_TEXT_SIZE], const struct log_record *);

#endif
