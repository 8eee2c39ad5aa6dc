/*
 * ctl_text.c - how trawlctl speaks to people: fields on stdout, remarks and one
 * moving line on stderr. Text that came from outside is made printable here, so
 * that no answer can steer a terminal.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define LINE_MAX_SIZE	2048
#define PROGRESS_WIDTH	79	/* a line that wraps could not be rewritten */

bool
ctl_is_lively(int fd)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	if (no_color != NULL && no_color[0] != '\0')
		return false;
	if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fd) == 1;
}

void
ctl_progress_end(struct ctl *ctl)
{
	if (!ctl->line_open)
		return;
	fputs("\r\033[K", stderr);
	ctl->line_open = false;
}

/* One write, so that lines of several programs on one terminal stay whole. */
void
ctl_say(struct ctl *ctl, const char *format, ...)
{
	char text[2 * LINE_MAX_SIZE];
	va_list ap;

	ctl_progress_end(ctl);
	(void)fflush(stdout);
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fprintf(stderr, "trawlctl: %s\n", text);
}

void
ctl_progress(struct ctl *ctl, const char *format, ...)
{
	char text[LINE_MAX_SIZE], shown[PROGRESS_WIDTH + 1];
	va_list ap;

	if (!ctl->motion)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)str_printable(shown, sizeof(shown), text, strlen(text));
	fprintf(stderr, "\r\033[K%s", shown);
	(void)fflush(stderr);
	ctl->line_open = true;
}

const char *
ctl_paint(const struct ctl *ctl, enum ctl_colour colour)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "\033[0m",
		[COLOUR_GOOD] = "\033[32m",
		[COLOUR_BAD] = "\033[31m",
		[COLOUR_DIM] = "\033[2m",
	};

	return ctl->colour ? codes[colour] : "";
}

enum ctl_colour
ctl_status_colour(const char *status)
{
	if (strcmp(status, "completed") == 0 || strcmp(status, "healthy") == 0)
		return COLOUR_GOOD;
	if (strcmp(status, "failed") == 0 || strcmp(status, "canceled") == 0 || strcmp(status, "unhealthy") == 0)
		return COLOUR_BAD;
	return COLOUR_NONE;
}

void
ctl_field(struct ctl *ctl, const char *label, const char *value, enum ctl_colour colour)
{
	char shown[LINE_MAX_SIZE];

	if (value == NULL || value[0] == '\0')
		return;
	(void)str_printable(shown, sizeof(shown), value, strlen(value));
	printf("%-12s%s%s%s\n", label, colour != COLOUR_NONE ? ctl_paint(ctl, colour) : "", shown,
	    colour != COLOUR_NONE ? ctl_paint(ctl, COLOUR_NONE) : "");
}

const json_t *
ctl_member(const json_t *doc, const char *path)
{
	char name[64];
	size_t len;

	for (;;) {
		len = strcspn(path, ".");
		if (str_copy_n(name, sizeof(name), path, len) < 0)
			return NULL;
		doc = json_object_get(doc, name);
		if (doc == NULL || path[len] == '\0')
			return doc;
		path += len + 1;
	}
}

char *
ctl_member_text(char *dst, size_t size, const json_t *doc, const char *path)
{
	const json_t *value = ctl_member(doc, path);

	dst[0] = '\0';
	if (json_is_string(value))
		(void)str_printable(dst, size, json_string_value(value), json_string_length(value));
	else if (json_is_integer(value))
		(void)snprintf(dst, size, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		(void)snprintf(dst, size, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		(void)snprintf(dst, size, "%s", json_is_true(value) ? "yes" : "no");
	return dst;
}

void
ctl_field_of(struct ctl *ctl, const char *label, const json_t *doc, const char *path)
{
	char text[LINE_MAX_SIZE];

	ctl_field(ctl, label, ctl_member_text(text, sizeof(text), doc, path), COLOUR_NONE);
}
