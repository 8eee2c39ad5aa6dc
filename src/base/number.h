/*
 * number.h - whole numbers, durations and sizes as people type them. Pure.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdint.h>

/* Decimal digits and nothing else, min..max; -EINVAL. */
int number_parse(const char *text, int64_t min, int64_t max, int64_t *ret);

/* "90", "90s", "1.5 m", "2h", "250ms", "1d"; without a unit: seconds. Cut to milliseconds;
 * -EINVAL. Never negative, at most INT64_MAX / 2. */
int duration_parse(const char *text, int64_t *ret_ms);
/* The units above, for messages and help. */
#define DURATION_UNITS "ms, s, m, h or d"

/* "1048576", "1024K", "256M", "1g": bytes, or so many times 1024 of them; -EINVAL. Never
 * negative, at most INT64_MAX / 2. */
int size_parse(const char *text, int64_t *ret_bytes);
/* The units above, each 1024 times the one before it. */
#define SIZE_UNITS "KMGT"

#endif
