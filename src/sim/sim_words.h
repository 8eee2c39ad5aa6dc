/*
 * sim_words.h - lists of words in one string, separated by '|', as the tables of
 * fields and query parameters hold them.
 */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include <stdbool.h>
#include <string.h>

static inline bool
words_have(const char *words, const char *text)
{
	size_t len = strlen(text);

	for (const char *w = words; w; w = strchr(w, '|')) {
		if (*w == '|')
			w++;
		if (strncmp(w, text, len) == 0 && (w[len] == '|' || !w[len]))
			return true;
	}
	return false;
}

#endif
