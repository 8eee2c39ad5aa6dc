/*
 * nearest.h - the known word that a mistyped one was meant to be, for "did you
 * mean ...?". Pure.
 *
 * Start with { .typed = word }, show it every known word; best is then the one most
 * like it, or NULL when none is near. Case does not count.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

struct nearest {
	const char	*typed;
	const char	*best;
	unsigned	 distance;	/* of best */
};

/* Takes the word when it is nearer than the best so far, and near at all. It is kept
 * by reference. Words beyond 40 bytes are near to nothing. */
void nearest_try(struct nearest *, const char *word);

#endif
