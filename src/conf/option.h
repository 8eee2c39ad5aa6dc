/*
 * option.h - one option of the configuration: the rows of the table, and how a
 * value is read from text and written as text. Private to src/conf, and to the
 * generator of the manual page.
 */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

struct why;

/* Largest text of any value, its NUL included. */
#define OPTION_TEXT_SIZE 1024

enum option_kind {
	OPTION_TEXT,		/* char[size] */
	OPTION_BOOL,		/* bool */
	OPTION_NUMBER,		/* int64_t within [min, max] */
	OPTION_DURATION,	/* int64_t milliseconds within [min, max] */
	OPTION_SIZE,		/* int64_t bytes within [min, max] */
	OPTION_WORD,		/* int64_t: index into words */
};

struct option {
	const char	*name;
	enum option_kind kind;
	size_t		 offset;	/* in struct conf */
	size_t		 size;		/* of the field */
	const char	*fallback;	/* the default, as text; "" for none */
	int64_t		 min, max;
	const char	*const *words;	/* WORD: NULL-terminated. NUMBER, DURATION, SIZE: words[0], if any, stands for 0 */
	int		(*check)(const char *text, struct why *why);	/* TEXT: what is allowed; or NULL */
	const char	*range;		/* for people, when min, max and words do not tell it */
	unsigned	 readers;	/* enum conf_reader, or-ed */
	bool		 secret;	/* never shown */
	void		(*hide)(char *value);	/* what of it is not shown, in place; or NULL */
	bool		 is_path;	/* trailing slashes are dropped */
	const char	*help;
};

extern const struct option options[];
extern const unsigned option_count;

/* -ENOENT. */
int option_find(const char *name, const struct option **ret);
/* The known name that is most like an unknown one, NULL when none is near. */
const char *option_nearest(const char *name);

/* Reads a value without white space around it into its field. -EINVAL with what is
 * allowed; the text of a secret, or of any free text, is not repeated. */
int option_read(struct conf *, const struct option *, const char *text, struct why *why);
/* The value as text that option_read reads to the same value; dst has OPTION_TEXT_SIZE. */
char *option_write(const struct conf *, const struct option *, char *dst);
/* What is allowed, in words: "1 to 64", "true or false". */
char *option_range(const struct option *, char *dst, size_t size);

#endif
