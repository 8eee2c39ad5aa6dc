/*
 * log.c - one write(2) a line, so that lines of different processes never mix.
 * Owns the process's name and level; takes no memory, so it works when there is
 * none left.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define LINE_MAX_SIZE 1024

static const struct {
	const char *word, *journal;
} levels[] = {
	[LOG_LEVEL_ERROR]   = { "error", "<3>" },
	[LOG_LEVEL_WARNING] = { "warning", "<4>" },
	[LOG_LEVEL_INFO]    = { "info", "<6>" },
	[LOG_LEVEL_DEBUG]   = { "debug", "<7>" },
};

/* The one thing of a process that is global: where its lines go and how they begin. */
static struct {
	char		who[32];
	enum log_level	level;
	bool		journal;
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
	log_state.journal = stderr_is_journal();
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

/* A line break inside of a line would forge another one. */
static void
flatten(char *p, size_t len)
{
	for (; len > 0; p++, len--)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

/* Length of text once it is cut to at most max bytes: between characters, with "...". */
static size_t
cut(char *text, size_t max)
{
	size_t len = max - 3;

	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	memcpy(text + len, "...", 3);
	return len + 3;
}

/* A log that cannot be written has nobody to be told to. */
static void
put(const char *p, size_t len)
{
	while (write(STDERR_FILENO, p, len) < 0 && errno == EINTR)
		;
}

static void log_write(enum log_level, const char *, va_list) __attribute__((format(printf, 2, 0)));

static void
log_write(enum log_level level, const char *format, va_list args)
{
	char line[LINE_MAX_SIZE], time[TIME_TEXT_SIZE];
	size_t len;
	int n;

	if (log_state.journal)
		n = snprintf(line, sizeof(line), "%s%s ", levels[level].journal, log_state.who);
	else
		n = snprintf(line, sizeof(line), "%s %s %s ",
		    time_format(time, clock_wall_ms(&clock_system)), levels[level].word, log_state.who);
	len = (size_t)n;
	n = vsnprintf(line + len, sizeof(line) - len, format, args);
	if (n < 0)
		return;
	flatten(line + len, strlen(line + len));
	len += (size_t)n;
	if (len > sizeof(line) - 1)
		len = cut(line, sizeof(line) - 1);
	line[len++] = '\n';
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

void
log_line(enum log_level level, const char *format, ...)
{
	int saved = errno;
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	log_write(level, format, args);
	va_end(args);
	errno = saved;
}

int
log_level_parse(const char *word, enum log_level *ret)
{
	for (unsigned i = 0; i < countof(levels); i++) {
		if (strcasecmp(word, levels[i].word) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

_Noreturn void
fatal(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_write(LOG_LEVEL_ERROR, format, args);
	va_end(args);
	exit(status);
}
