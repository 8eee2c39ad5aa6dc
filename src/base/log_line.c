/*
 * log_line.c - records become lines. Whatever a record holds, a line is one line,
 * bounded, and valid UTF-8. Owns nothing and takes no memory.
 */
#include "base/log_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "base/uuid.h"

static const struct {
	const char *word;
	int	    priority;	/* of syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR]   = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO]    = { "info", 6 },
	[LOG_LEVEL_DEBUG]   = { "debug", 7 },
};

const char *
log_level_name(enum log_level level)
{
	return levels[level].word;
}

/* ---- pieces ---- */

/* Bytes that go on at the end; there is always room for one more, the last. */
struct line {
	char	*p;
	size_t	 len, size;
};

static void
put(struct line *l, const char *text)
{
	size_t len = strlen(text), room = l->size - 1 - l->len;

	if (len > room)
		len = room;
	memcpy(l->p + l->len, text, len);
	l->len += len;
}

static bool
is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			return false;
	return true;
}

/* Text that may be foreign, cut with "..." where the line ends. */
static void
put_printable(struct line *l, const char *text)
{
	size_t len = strlen(text), room = l->size - l->len;

	if (len < room && is_plain(text)) {
		put(l, text);
	} else if (room > 1) {
		(void)str_printable(l->p + l->len, room, text, len);
		l->len += strlen(l->p + l->len);
	}
}

static bool
is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static const char *
crawl_of(const struct log_fields *f, char dst[UUID_TEXT_SIZE])
{
	return f->crawl != NULL && !uuid_is_nil(f->crawl) ? uuid_format(dst, f->crawl) : NULL;
}

/* ---- for people ---- */

static void
put_field(struct line *l, const char *name, const char *value)
{
	if (!is_given(value))
		return;
	put(l, name);
	put_printable(l, value);
	put(l, " ");
}

/* The stage is left out: the text tells it. */
static void
put_message(struct line *l, const struct log_record *r)
{
	char crawl[UUID_TEXT_SIZE];

	put(l, r->who);
	put(l, " ");
	if (r->fields != NULL) {
		put_field(l, "crawl=", crawl_of(r->fields, crawl));
		put_field(l, "snapshot=", r->fields->snapshot_id);
		put_field(l, "request=", r->fields->request_id);
	}
	put_printable(l, r->message);
}

static size_t
end(struct line *l)
{
	l->p[l->len++] = '\n';
	return l->len;
}

size_t
log_line_text(char dst[LOG_TEXT_SIZE], const struct log_record *r)
{
	struct line l = { dst, 0, LOG_TEXT_SIZE };
	char time[TIME_TEXT_SIZE];

	put(&l, time_format(time, r->time_ms));
	put(&l, " ");
	put(&l, levels[r->level].word);
	put(&l, " ");
	put_message(&l, r);
	return end(&l);
}

size_t
log_line_prefixed(char dst[LOG_TEXT_SIZE], const struct log_record *r)
{
	struct line l = { dst, 0, LOG_TEXT_SIZE };
	const char prefix[] = { '<', (char)('0' + levels[r->level].priority), '>', '\0' };

	put(&l, prefix);
	put_message(&l, r);
	return end(&l);
}
