/*
 * why.h - the human reason of a failure, beside the errno.
 *
 * A function whose failure a person will read takes "struct why *" as its last
 * argument and fills it on failure only. The text is one line, says what was
 * attempted on what, and never holds a secret. NULL is allowed: nobody asks.
 */
#ifndef BASE_WHY_H
#define BASE_WHY_H

struct why {
	char text[512];
};

/* Fills why and returns -err, so that "return why_set(why, EIO, ...)" reads well.
 * err is a positive errno. */
int why_set(struct why *why, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that is there. */
void why_prefix(struct why *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
