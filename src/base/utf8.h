/*
 * utf8.h - well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates,
 * nothing above U+10FFFF. Pure.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

#define UTF8_CUT (-1)	/* the bytes are the start of a character that goes on */

/* Length 1..4 of the character at p; 0 when it is broken; UTF8_CUT when len ends
 * inside a character that is well-formed so far. len is at least 1. */
int utf8_sequence(const void *p, size_t len);

/* Number of leading bytes of p that are whole well-formed characters. */
size_t utf8_prefix(const void *p, size_t len);

#endif
