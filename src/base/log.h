/*
 * log.h - one line per decision: to the journal where stderr leads there, else to stderr.
 *
 * Process folders log; base, conf, model, ipc and net return errors and stay silent
 * (debug level and a world we cannot work in aside). A line has a kind, which gives
 * its level, its MESSAGE_ID and what to tell an operator about it (log_kind.h of model
 * holds the table); fields that say on which crawl; and a text for people:
 *
 *   2026-11-23T18:20:11.123Z warning poller[2] crawl=0193... snapshot=sd_... poll: failed for now
 *
 * The text is written for people, and may hold foreign text if that is bounded by its
 * caller (str_printable()): what steers terminals or breaks lines becomes \xNN here
 * whatever it was, and a line is cut at its bound. Secrets have no log representation.
 *
 * Lines of processes that share a pipe or a file never mix, and no line is written in
 * part. A process that said log_never_wait() never waits for who reads its log: a line that
 * the journal does not take goes to stderr, and one that stderr cannot take is counted, and
 * the count logged as soon as there is room. No memory is taken, errno stays as it was.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/log_record.h"

/* What base itself may have to say; the roles' kinds are in model/log_kind.h. */
extern const struct log_kind log_kind_no_memory, log_kind_library_error, log_kind_library_warning,
    log_kind_lines_lost;

/* log_say(kind, LOG_FIELDS(.crawl = &id, .stage = "polling"), "...") */
#define LOG_FIELDS(...) (&(const struct log_fields){ __VA_ARGS__ })

#define LOG_HERE (&(const struct log_place){ __FILE__, __LINE__, __func__ })

/* who is "keeper" or "poller[2]": role and instance; it is copied. Format AUTO. */
void log_open(const char *who, enum log_level level);
/* For programs that serve, once, before children are made: stderr becomes an open file
 * description of this set's own that costs lines, not time, when nobody reads it. */
void log_never_wait(void);
void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
bool log_wants(enum log_level level);

/* kind may be NULL for a line below any that an operator is told about; fields may. */
void log_write(const struct log_place *, enum log_level, const struct log_kind *, const struct log_fields *,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

#define log_say(kind, fields, ...) log_write(LOG_HERE, (kind)->level, (kind), (fields), __VA_ARGS__)
#define log_debug(fields, ...) \
	do { \
		if (log_wants(LOG_LEVEL_DEBUG)) \
			log_write(LOG_HERE, LOG_LEVEL_DEBUG, NULL, (fields), __VA_ARGS__); \
	} while (0)
/* For programs that nobody operates: the simulator. */
#define log_plain(level, ...) log_write(LOG_HERE, (level), NULL, NULL, __VA_ARGS__)

/* A process whose work comes in turns may hold its info and debug lines and write a
 * turn's worth at once: log_hold() at start, log_flush() at the end of each turn. A
 * warning or an error is still written when it is said, after what was held. The journal
 * gets each line at once, since each is a datagram. log_flush() also tells what was lost,
 * if that can be told now: a process calls it now and then even if it holds nothing. */
void log_hold(void);
void log_flush(void);

/* A world we cannot work in: logs the line and leaves with status (see ipc/inherit.h). */
_Noreturn void fatal_at(const struct log_place *, int status, const struct log_kind *, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define fatal(status, kind, ...) fatal_at(LOG_HERE, (status), (kind), __VA_ARGS__)

#endif
