/*
 * log.c - where lines go: one system call a line, or a turn's worth, so that lines of
 * different processes never mix. Owns the process's name and level and what is held;
 * takes no memory, so it works when there is none left. What a line looks like is
 * log_line.c's.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"

const struct log_kind log_kind_no_memory = {
	"no-memory", LOG_LEVEL_ERROR, "2e6ec5d11d874eacb5b3e344ba5036bc",
	"No memory is left",
	"The system gave a process no more memory, and the process ended with status 1. It is started again; "
	"no acknowledged crawl is lost.",
	"Look what uses the memory (systemctl status, free). If it is trawld, lower BACKGROUND_MAX_WORKERS or "
	"FRONT_WORKERS; if a limit of the unit is hit, raise MemoryMax=.",
};

const struct log_kind log_kind_library_error = {
	"library-error", LOG_LEVEL_ERROR, "4409f6c88041402c968ae8afd0198b02",
	"A library or the kernel failed",
	"A library that trawld is built on, or the kernel, refused what never fails on a healthy system. When "
	"the process cannot go on, it ends with status 1 and is started again.",
	"Look in the kernel's log for a lack of memory or of descriptors at this time. If it comes again, "
	"report it with the line.",
};

const struct log_kind log_kind_library_warning = {
	"library-warning", LOG_LEVEL_WARNING, "d9f5908b38db4b33b9816a9d17560e31",
	"A library has a remark",
	"libevent met something unusual, such as a descriptor that it cannot watch. Work goes on.",
	"Nothing, unless it comes often: then report it with the line.",
};

const struct log_kind log_kind_lines_lost = {
	"log-lines-lost", LOG_LEVEL_WARNING, "700c92d63d11457ea496ede87961ecd7",
	"Lines of the log are missing",
	"The journal took no line for a while, and trawld does not wait for it: so many lines of this process "
	"are missing before this one. Crawls are not touched by it.",
	"Look whether systemd-journald runs and its disk has room. Lines that journald drops by its own rate "
	"limit (LogRateLimitBurst= of the unit) are not counted here.",
};

/* The one thing of a process that is global: where its lines go and how they begin. */
static struct {
	char		who[32];
	enum log_level	level;
	bool		to_journal;	/* stderr is its */
} log_state = { "trawld", LOG_LEVEL_INFO, false };

/* Whole lines that wait for log_flush(). */
static struct {
	bool	on;
	size_t	len;
	char	lines[32 << 10];
} held;

/* $JOURNAL_STREAM is inherited even by a process whose stderr was sent elsewhere,
 * so it counts only when it names what stderr is. */
static bool
stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return text != NULL && sscanf(text, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

void
log_open(const char *who, enum log_level level)
{
	(void)snprintf(log_state.who, sizeof(log_state.who), "%s", who);
	log_state.level = level;
	log_state.to_journal = stderr_is_journal();
}

void
log_set_level(enum log_level level)
{
	log_state.level = level;
}

bool
log_wants(enum log_level level)
{
	return level <= log_state.level;
}

/* A log that cannot be written has nobody to be told to. */
static void
put(const char *p, size_t len)
{
	while (write(STDERR_FILENO, p, len) < 0 && errno == EINTR)
		;
}

void
log_hold(void)
{
	held.on = true;
}

void
log_flush(void)
{
	if (held.len > 0)
		put(held.lines, held.len);
	held.len = 0;
}

static void
put_or_hold(enum log_level level, const char *line, size_t len)
{
	if (!held.on) {
		put(line, len);
		return;
	}
	if (held.len + len > sizeof(held.lines))
		log_flush();
	memcpy(held.lines + held.len, line, len);
	held.len += len;
	if (level <= LOG_LEVEL_WARNING)
		log_flush();
}

static void write_record(struct log_record *, const char *, va_list) __attribute__((format(printf, 2, 0)));

static void
write_record(struct log_record *r, const char *format, va_list args)
{
	char message[LOG_TEXT_SIZE + 8];	/* too long for any line: where it is cut shows */
	char line[LOG_TEXT_SIZE];
	size_t len;

	if (vsnprintf(message, sizeof(message), format, args) < 0)
		return;
	r->time_ms = clock_wall_ms(&clock_system);
	r->who = log_state.who;
	r->message = message;
	len = log_state.to_journal ? log_line_prefixed(line, r) : log_line_text(line, r);
	put_or_hold(r->level, line, len);
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
