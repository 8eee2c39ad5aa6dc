/*
 * log_line.c - records become lines. Owns nothing and takes no memory, so that it works
 * when there is none left.
 *
 * Sizes are such that JSON and datagrams are never cut: every value is bounded before
 * it is put (LOG_TEXT_SIZE for the message, LOG_FOREIGN_SIZE for a field), and the whole
 * has room for all of them, escaped.
 */
#include "base/log_line.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "base/uuid.h"

#define IDENTIFIER "trawld"	/* all processes of a set, as the unit's own lines have it */

static const struct {
	const char *word;
	int	    priority;	/* of syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR]   = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO]    = { "info", 6 },
	[LOG_LEVEL_DEBUG]   = { "debug", 7 },
};

/* What goes into JSON and journal but the message; in this order. */
enum member { ROLE, INSTANCE, KIND, CRAWL_ID, SNAPSHOT_ID, STAGE, REQUEST_ID, MEMBER_COUNT };

static const struct {
	const char *json, *journal;
} members[MEMBER_COUNT] = {
	[ROLE]	      = { "role", "TRAWLD_ROLE" },
	[INSTANCE]    = { "instance", "TRAWLD_INSTANCE" },
	[KIND]	      = { "kind", "TRAWLD_KIND" },
	[CRAWL_ID]    = { "crawl_id", "TRAWLD_CRAWL_ID" },
	[SNAPSHOT_ID] = { "snapshot_id", "TRAWLD_SNAPSHOT_ID" },
	[STAGE]	      = { "stage", "TRAWLD_STAGE" },
	[REQUEST_ID]  = { "request_id", "TRAWLD_REQUEST_ID" },
};

/* Twice the message and each field where every byte is escaped, names and the rest. */
_Static_assert(2 * (LOG_TEXT_SIZE + 3 * LOG_FOREIGN_SIZE) + 400 < LOG_LINE_SIZE, "a line has room for all values");

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
put_n(struct line *l, const char *text, size_t len)
{
	size_t room = l->size - 1 - l->len;

	if (len > room)
		len = room;
	memcpy(l->p + l->len, text, len);
	l->len += len;
}

static void
put(struct line *l, const char *text)
{
	put_n(l, text, strlen(text));
}

static size_t
end(struct line *l)
{
	l->p[l->len++] = '\n';
	return l->len;
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
		put_n(l, text, len);
	} else if (room > 1) {
		(void)str_printable(l->p + l->len, room, text, len);
		l->len += strlen(l->p + l->len);
	}
}

static void
put_prefix(struct line *l, enum log_level level)
{
	const char prefix[] = { '<', (char)('0' + levels[level].priority), '>' };

	put_n(l, prefix, sizeof(prefix));
}

/* ---- what a record says ---- */

struct values {
	char	    role[32], instance[16], crawl[UUID_TEXT_SIZE];
	const char *of[MEMBER_COUNT];	/* NULL: does not apply */
};

static const char *
if_given(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

/* "poller[2]" is role and instance. */
static void
split_who(struct values *v, const char *who)
{
	size_t len = strcspn(who, "["), digits = strspn(who + len + (who[len] == '['), "0123456789");

	(void)str_copy_n(v->role, sizeof(v->role), who, len);
	v->of[ROLE] = v->role;
	if (who[len] == '[' && digits > 0 && str_copy_n(v->instance, sizeof(v->instance), who + len + 1, digits) == 0)
		v->of[INSTANCE] = v->instance;
}

static void
read_values(struct values *v, const struct log_record *r)
{
	memset(v->of, 0, sizeof(v->of));
	split_who(v, r->who);
	if (r->kind != NULL)
		v->of[KIND] = r->kind->name;
	if (r->fields == NULL)
		return;
	if (r->fields->crawl != NULL && !uuid_is_nil(r->fields->crawl))
		v->of[CRAWL_ID] = uuid_format(v->crawl, r->fields->crawl);
	v->of[SNAPSHOT_ID] = if_given(r->fields->snapshot_id);
	v->of[STAGE] = if_given(r->fields->stage);
	v->of[REQUEST_ID] = if_given(r->fields->request_id);
}

/* ---- for people ---- */

/* The stage is left out: the message tells it. */
static void
put_text(struct line *l, const struct log_record *r, const struct values *v)
{
	static const struct {
		enum member member;
		const char *name;
	} shown[] = { { CRAWL_ID, "crawl=" }, { SNAPSHOT_ID, "snapshot=" }, { REQUEST_ID, "request=" } };

	put(l, r->who);
	put(l, " ");
	for (size_t i = 0; i < countof(shown); i++) {
		if (v->of[shown[i].member] == NULL)
			continue;
		put(l, shown[i].name);
		put_printable(l, v->of[shown[i].member]);
		put(l, " ");
	}
	put_printable(l, r->message);
}

size_t
log_line_text(char dst[LOG_LINE_SIZE], const struct log_record *r, bool prefix)
{
	struct line l = { dst, 0, LOG_TEXT_SIZE };
	char time[TIME_TEXT_SIZE];
	struct values v;

	read_values(&v, r);
	if (prefix) {
		put_prefix(&l, r->level);
	} else {
		put(&l, time_format(time, r->time_ms));
		put(&l, " ");
		put(&l, levels[r->level].word);
		put(&l, " ");
	}
	put_text(&l, r, &v);
	return end(&l);
}

/* ---- for programs ---- */

/* Made printable, and cut to size - 1 bytes. */
static const char *
bounded(char *dst, size_t size, const char *text)
{
	struct line l = { dst, 0, size };

	put_printable(&l, text);
	dst[l.len] = '\0';
	return dst;
}

/* Of what is printable, these two mean something in JSON. */
static void
put_json_string(struct line *l, const char *text)
{
	size_t n;

	put(l, "\"");
	for (;;) {
		n = strcspn(text, "\"\\");
		put_n(l, text, n);
		text += n;
		if (*text == '\0')
			break;
		put(l, "\\");
		put_n(l, text++, 1);
	}
	put(l, "\"");
}

static void
put_json_member(struct line *l, const char *name, const char *value, size_t max)
{
	char text[LOG_TEXT_SIZE];

	assert(max <= sizeof(text));
	put(l, ",\"");
	put(l, name);
	put(l, "\":");
	put_json_string(l, bounded(text, max, value));
}

size_t
log_line_json(char dst[LOG_LINE_SIZE], const struct log_record *r, bool prefix)
{
	struct line l = { dst, 0, LOG_LINE_SIZE };
	char time[TIME_TEXT_SIZE];
	struct values v;

	read_values(&v, r);
	if (prefix)
		put_prefix(&l, r->level);
	put(&l, "{\"time\":\"");
	put(&l, time_format(time, r->time_ms));
	put(&l, "\",\"level\":\"");
	put(&l, levels[r->level].word);
	put(&l, "\"");
	for (int m = 0; m < MEMBER_COUNT; m++) {
		if (v.of[m] == NULL)
			continue;
		if (m == INSTANCE) {
			put(&l, ",\"instance\":");
			put(&l, v.of[m]);
		} else {
			put_json_member(&l, members[m].json, v.of[m], LOG_FOREIGN_SIZE);
		}
	}
	put_json_member(&l, "message", r->message, LOG_TEXT_SIZE);
	put(&l, "}");
	return end(&l);
}

/* ---- for the journal ---- */

/* What is printable holds no line's end, so the plain form of a field does. */
static void
put_journal_field(struct line *l, const char *name, const char *value)
{
	char text[LOG_FOREIGN_SIZE];

	put(l, name);
	put(l, "=");
	put(l, bounded(text, sizeof(text), value));
	put(l, "\n");
}

static void
put_journal_place(struct line *l, const struct log_place *place)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", place->line);
	put_journal_field(l, "CODE_FILE", place->file);
	put_journal_field(l, "CODE_LINE", number);
	put_journal_field(l, "CODE_FUNC", place->function);
}

size_t
log_line_journal(char dst[LOG_LINE_SIZE], const struct log_record *r)
{
	const char priority[] = { (char)('0' + levels[r->level].priority), '\0' };
	struct line l = { dst, 0, LOG_LINE_SIZE }, text = { dst, 0, LOG_TEXT_SIZE };
	struct values v;

	read_values(&v, r);
	put(&text, "MESSAGE=");
	put_text(&text, r, &v);
	l.len = end(&text);
	put_journal_field(&l, "PRIORITY", priority);
	put_journal_field(&l, "SYSLOG_IDENTIFIER", IDENTIFIER);
	if (r->kind != NULL)
		put_journal_field(&l, "MESSAGE_ID", r->kind->message_id);
	for (int m = 0; m < MEMBER_COUNT; m++)
		if (v.of[m] != NULL)
			put_journal_field(&l, members[m].journal, v.of[m]);
	put_journal_place(&l, r->place);
	return l.len;
}
