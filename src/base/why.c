/* why.c - formats the human reason of a failure. Owns nothing. */
#include "base/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
why_set(struct why *why, int err, const char *format, ...)
{
	va_list args;

	if (why != NULL) {
		va_start(args, format);
		(void)vsnprintf(why->text, sizeof(why->text), format, args);
		va_end(args);
	}
	return -err;
}

void
why_prefix(struct why *why, const char *format, ...)
{
	char old[sizeof(why->text)];
	va_list args;
	size_t len;

	if (why == NULL)
		return;
	memcpy(old, why->text, sizeof(old));
	va_start(args, format);
	(void)vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	len = strlen(why->text);
	(void)snprintf(why->text + len, sizeof(why->text) - len, ": %s", old);
}
