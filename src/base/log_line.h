/*
 * log_line.h - what a line of the log looks like, in each format. Pure: a record in,
 * bytes out. For log.c and its tests.
 *
 * Whatever a record holds, the result is one line (one datagram), bounded, valid UTF-8,
 * and what is foreign in it can end neither a field nor the line.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stddef.h>

#include "base/log_record.h"

#define LOG_TEXT_SIZE 1024	/* of a line for people, its end included; longer is cut with "..." */
#define LOG_LINE_SIZE 4096	/* of any line: what a pipe takes at once */

/* Each fills dst and returns the length; the last byte is a line's end. With prefix they
 * are for a stderr that the journal reads: "<4>" tells it the level, and the time of a
 * text is left to it. */
size_t log_line_text(char dst[LOG_LINE_SIZE], const struct log_record *, bool prefix);
/* time, level, role, and as they apply instance, kind, crawl_id, snapshot_id, stage,
 * request_id; message. */
size_t log_line_json(char dst[LOG_LINE_SIZE], const struct log_record *, bool prefix);
/* A datagram for the journal: "NAME=value" lines as in systemd.journal-fields(7) and
 * TRAWLD_ROLE, TRAWLD_INSTANCE, TRAWLD_KIND, TRAWLD_CRAWL_ID, TRAWLD_SNAPSHOT_ID,
 * TRAWLD_STAGE, TRAWLD_REQUEST_ID. MESSAGE is the text line without time and level. */
size_t log_line_journal(char dst[LOG_LINE_SIZE], const struct log_record *);

#endif
