/*
 * timefmt.h - dates and times as text. Pure.
 *
 * Times are RFC 3339, UTC with Z. Dates are YYYY-MM-DD in the proleptic
 * Gregorian calendar, years 1970 to 9999.
 */
#ifndef BASE_TIMEFMT_H
#define BASE_TIMEFMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_TEXT_SIZE 32	/* "2026-11-23T18:20:11.123Z" and room */
#define DATE_TEXT_SIZE 11	/* "2026-11-23" */

struct date {
	int year, month, day;
};

/* "2026-11-23T18:20:11.123Z"; returns dst, which has TIME_TEXT_SIZE bytes. */
char *time_format(char *dst, int64_t wall_ms);
/* Reads "YYYY-MM-DDThh:mm:ss[.fraction](Z|+hh:mm)"; -EINVAL. */
int time_parse(const char *text, int64_t *ret_wall_ms);
/* Reads exactly YYYY-MM-DD of a day that exists; -EINVAL. */
int date_parse(const char *text, struct date *ret);
struct date date_of(int64_t wall_ms);

/* "1.5 s", "250 ms", "2 h 5 min": for people. Returns dst. */
char *duration_format(char *dst, size_t size, int64_t ms);

#endif
