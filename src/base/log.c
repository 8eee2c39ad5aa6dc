/*
 * log.c - where lines go. Owns the process's name and level, what is held and the count
 * of what is lost; takes no memory, so it works when there is none left. What a line looks
 * like is log_line.c's, how it gets there log_journal.c's and log_stderr.c's.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log_journal.h"
#include "base/log_line.h"
#include "base/log_stderr.h"

const struct log_kind log_kind_no_memory = {
	"no-memory", LOG_LEVEL_ERROR, "2e6ec5d11d874eacb5b3e344ba5036bc",
	"No memory is left",
	"The system gave a process no more memory, and the process ended with status 1. It is started again; "
	"no acknowledged crawl is lost.",
	"Look what uses the memory (systemctl status, free). If it is trawld, lower BACKGROUND_MAX_WORKERS or "
	"FRONT_WORKERS; if a limit of the unit is hit, raise MemoryMax=.",
	false,
};

const struct log_kind log_kind_library_error = {
	"library-error", LOG_LEVEL_ERROR, "4409f6c88041402c968ae8afd0198b02",
	"A library or the kernel failed",
	"A library that trawld is built on, or the kernel, refused what never fails on a healthy system. When "
	"the process cannot go on, it ends with status 1 and is started again.",
	"Look in the kernel's log for a lack of memory or of descriptors at this time. If it comes again, "
	"report it with the line.",
	false,
};

const struct log_kind log_kind_library_warning = {
	"library-warning", LOG_LEVEL_WARNING, "d9f5908b38db4b33b9816a9d17560e31",
	"A library has a remark",
	"libevent met something unusual, such as a descriptor that it cannot watch. Work goes on.",
	"Nothing, unless it comes often: then report it with the line.",
	false,
};

const struct log_kind log_kind_lines_lost = {
	"log-lines-lost", LOG_LEVEL_WARNING, "700c92d63d11457ea496ede87961ecd7",
	"Lines of the log are missing",
	"Whatever reads the log (the journal, a pipe, a terminal, a file on a full disk) took no line for a while, "
	"and trawld does not wait for it: so many lines of this process are missing before this one. Crawls are "
	"not touched by it.",
	"Look whether systemd-journald, or the program that reads the pipe, runs and its disk has room. Lines that "
	"journald drops by its own rate limit (LogRateLimitBurst= of the unit) are not counted here.",
	false,
};

/* The one thing of a process that is global: where its lines go and how they begin. */
static struct {
	char		who[32];
	enum log_level	level;
	enum log_format	format;
	bool		journal_stderr;	/* stderr leads to the journal */
	unsigned	lost;		/* lines that nothing took */
} log_state = { "trawld", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, 0 };

/* Whole lines that wait for log_flush(). */
static struct {
	bool	on;
	size_t	len;
	char	lines[32 << 10];
} held;

void
log_open(const char *who, enum log_level level)
{
	(void)snprintf(log_state.who, sizeof(log_state.who), "%s", who);
	log_state.level = level;
	log_state.journal_stderr = log_stderr_open();
	log_set_format(LOG_FORMAT_AUTO);
}

void
log_never_wait(void)
{
	log_stderr_never_wait();
}

void
log_set_level(enum log_level level)
{
	log_state.level = level;
}

void
log_set_format(enum log_format format)
{
	if (format == LOG_FORMAT_AUTO)
		format = log_state.journal_stderr ? LOG_FORMAT_JOURNAL : LOG_FORMAT_TEXT;
	log_state.format = format;
	if (format == LOG_FORMAT_JOURNAL)
		(void)log_journal_open();	/* a process in its jail makes no sockets */
}

bool
log_wants(enum log_level level)
{
	return level <= log_state.level;
}

void
log_hold(void)
{
	held.on = true;
}

static void
write_held(void)
{
	log_state.lost += log_stderr_put(held.lines, held.len);
	held.len = 0;
}

static void
put_or_hold(enum log_level level, const char *line, size_t len)
{
	if (!held.on) {
		log_state.lost += log_stderr_put(line, len);
		return;
	}
	if (held.len + len > sizeof(held.lines))
		write_held();
	memcpy(held.lines + held.len, line, len);
	held.len += len;
	if (level <= LOG_LEVEL_WARNING)
		write_held();
}

static void
deliver(const struct log_record *r)
{
	char line[LOG_LINE_SIZE];
	size_t len;

	if (log_state.format == LOG_FORMAT_JOURNAL &&
	    log_journal_send(line, log_line_journal(line, r)) == 0)
		return;
	len = log_state.format == LOG_FORMAT_JSON ? log_line_json(line, r, log_state.journal_stderr) :
	    log_line_text(line, r, log_state.journal_stderr);
	put_or_hold(r->level, line, len);
}

/* When that is lost, too, the count stays for the next try. */
static void
tell_lost(int64_t now_ms)
{
	char message[64];
	unsigned lost;
	struct log_record r = {
		.time_ms = now_ms,
		.level = log_kind_lines_lost.level,
		.who = log_state.who,
		.kind = &log_kind_lines_lost,
		.place = LOG_HERE,
		.message = message,
	};

	write_held();	/* what of it is lost counts, too */
	lost = log_state.lost;
	(void)snprintf(message, sizeof(message), "%u lines before this one are lost", lost);
	log_state.lost = 0;
	deliver(&r);
	if (log_state.lost > 0)
		log_state.lost = lost;
}

void
log_flush(void)
{
	int saved = errno;

	write_held();
	if (log_state.lost > 0)
		tell_lost(clock_wall_ms(&clock_system));
	errno = saved;
}

static void write_record(struct log_record *, const char *, va_list) __attribute__((format(printf, 2, 0)));

static void
write_record(struct log_record *r, const char *format, va_list args)
{
	char message[LOG_TEXT_SIZE + 8];	/* too long for any line: where it is cut shows */

	if (vsnprintf(message, sizeof(message), format, args) < 0)
		return;
	r->time_ms = clock_wall_ms(&clock_system);
	r->who = log_state.who;
	r->message = message;
	if (log_state.lost > 0)
		tell_lost(r->time_ms);
	deliver(r);
}

void
log_write(const struct log_place *place, enum log_level level, const struct log_kind *kind,
    const struct log_fields *fields, const char *format, ...)
{
	struct log_record r = { .level = level, .kind = kind, .fields = fields, .place = place };
	int saved = errno;
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	write_record(&r, format, args);
	va_end(args);
	errno = saved;
}

_Noreturn void
fatal_at(const struct log_place *place, int status, const struct log_kind *kind, const char *format, ...)
{
	struct log_record r = { .level = LOG_LEVEL_ERROR, .kind = kind, .place = place };
	va_list args;

	va_start(args, format);
	write_record(&r, format, args);
	va_end(args);
	exit(status);
}
