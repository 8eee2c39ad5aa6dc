/*
 * nearest.c - how far two words are apart, and how far is still a typing mistake.
 */
#include "base/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 40

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static bool
same(char a, char b)
{
	return toupper((unsigned char)a) == toupper((unsigned char)b);
}

/* Letters inserted, left out, changed, or swapped with their neighbour. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			now[j] = least(up[j] + 1, now[j - 1] + 1, up[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
			    up2[j - 2] + 1 < now[j])
				now[j] = up2[j - 2] + 1;
		}
	}
	return row[la % 3][lb];
}

/* A word of three letters has room for one mistake, a long one for a third of its letters. */
static unsigned
allowance(size_t len)
{
	return len <= 3 ? 1 : len <= 7 ? 2 : len < 12 ? 3 : (unsigned)len / 3;
}

void
nearest_try(struct nearest *n, const char *word)
{
	size_t len = strlen(n->typed);
	unsigned d = distance(n->typed, word);

	if (len >= 3 && strncasecmp(n->typed, word, len) == 0)
		d = 1;		/* begun, not finished */
	if (d <= allowance(len) && (n->best == NULL || d < n->distance)) {
		n->best = word;
		n->distance = d;
	}
}
