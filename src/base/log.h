/*
 * log.h - one line per decision, to stderr.
 *
 * Process folders log; base, conf, model, ipc and net return errors and stay
 * silent (debug level aside). A line says who, what and on which crawl:
 *
 *   2026-11-23T18:20:11.123Z info poller[2] crawl=0193... snapshot=sd_... triggered in 612 ms
 *
 * On a systemd journal ($JOURNAL_STREAM) the time is left out and "<6>" levels
 * (sd-daemon(3)) go in front. Each line leaves in one write and is at most 1,024
 * bytes; foreign text must have gone through str_printable(). Secrets have no
 * log representation.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* who is "keeper" or "poller[2]"; it is copied. */
void log_open(const char *who, enum log_level level);
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A process whose work comes in turns may hold its info and debug lines and write a
 * turn's worth at once: log_hold() at start, log_flush() at the end of each turn. A
 * warning or an error is still written when it is said, after what was held. */
void log_hold(void);
void log_flush(void);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) \
	do { if (log_wants(LOG_LEVEL_DEBUG)) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); } while (0)

/* "error", "warning", "info", "debug", in either letter case; -EINVAL. */
int log_level_parse(const char *word, enum log_level *ret);

/* A world we cannot work in: logs the line and leaves with status (see ipc/inherit.h). */
_Noreturn void fatal(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
