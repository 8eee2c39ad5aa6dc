/*
 * brightdata_text.c - the provider's own words for people: one printable line from
 * plain text, from its several JSON forms of an error, or from a page of HTML.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "provider/answer.h"
#include "provider/brightdata.h"

struct line {
	char	*p;
	size_t	 size, len;
};

/* What does not fit any more is left out. */
static void
line_add(struct line *line, const char *before, const char *text)
{
	char clean[ERROR_TEXT_SIZE];
	size_t room;
	int n;

	if (text == NULL || text[0] == '\0' || line->len + 1 >= line->size)
		return;
	str_printable(clean, sizeof(clean), text, strlen(text));
	room = line->size - line->len;
	n = snprintf(line->p + line->len, room, "%s%s", line->len > 0 ? before : "", clean);
	if (n > 0)
		line->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* ["field","reason"] or "reason". */
static void
line_add_fault(struct line *line, const char *before, const json_t *fault)
{
	if (json_is_string(fault)) {
		line_add(line, before, json_string_value(fault));
		return;
	}
	line_add(line, before, json_string_value(json_array_get(fault, 0)));
	line_add(line, ": ", json_string_value(json_array_get(fault, 1)));
}

static void
line_add_faults(struct line *line, const json_t *faults)
{
	const char *before = ": ";
	const json_t *fault;
	size_t i;

	json_array_foreach(faults, i, fault) {
		line_add_fault(line, before, fault);
		before = "; ";
	}
}

void
brightdata_text_of(const json_t *doc, char *dst, size_t size)
{
	static const char *const texts[] = { "error_message", "error", "message" };
	struct line line = { dst, size, 0 };

	dst[0] = '\0';
	for (size_t i = 0; i < countof(texts) && line.len == 0; i++)
		line_add(&line, "", json_text(doc, texts[i]));
	line_add_faults(&line, json_object_get(doc, "errors"));
	line_add_faults(&line, json_object_get(doc, "validation_errors"));
}

int64_t
brightdata_text_wait_ms(const char *text, size_t len)
{
	static const char words[] = "try again in ";
	static const struct {
		const char *word;
		int64_t	 ms;
	} units[] = { { "s", 1000 }, { "m", 60000 } };
	char clean[ERROR_TEXT_SIZE], *end;
	const char *at = strcasestr(str_printable(clean, sizeof(clean), text, len), words);
	long n;

	if (at == NULL || !isdigit((unsigned char)at[strlen(words)]))
		return 0;
	n = strtol(at + strlen(words), &end, 10);
	while (*end == ' ')
		end++;
	if (strncasecmp(end, "ms", 2) == 0)
		return 0;
	for (size_t i = 0; i < countof(units); i++) {
		if (strncasecmp(end, units[i].word, 1) != 0)
			continue;
		if (n > ANSWER_WAIT_MAX_MS / units[i].ms)
			return ANSWER_WAIT_MAX_MS;
		return n > 0 ? n * units[i].ms : units[0].ms;
	}
	return 0;
}

void
brightdata_text(const struct http_answer *answer, char *dst, size_t size)
{
	size_t len = answer->body_len;
	const char *p = answer_skip(answer->body, &len);
	scoped_json *doc = NULL;

	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\r' || p[len - 1] == ' '))
		len--;
	if (len > 1 && *p == '"' && p[len - 1] == '"')
		p++, len -= 2;		/* some plain texts come as a JSON string */
	dst[0] = '\0';
	if (len > 0 && *p == '<')
		(void)snprintf(dst, size, "a page of HTML");
	else if (len > 0 && (*p == '{' || *p == '[') && json_read(p, len, &doc, NULL) == 0)
		brightdata_text_of(doc, dst, size);
	else
		str_printable(dst, size, p, len);
	if (dst[0] == '\0')
		(void)snprintf(dst, size, "no explanation");
}
