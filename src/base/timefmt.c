/*
 * timefmt.c - dates and times as text. The calendar is computed here, without
 * the C library's time zones, so that the result depends on nothing but the input.
 */
#include "base/timefmt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS 86400000
#define LAST_MS 253402300799999	/* the end of year 9999 */

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. The year is counted from March, so that the leap day is its last. */
static int64_t
days_of(struct date d)
{
	int64_t y = d.month <= 2 ? d.year - 1 : d.year;
	int64_t era = y / 400, year_of_era = y % 400;
	int64_t day_of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct date
date_of_days(int64_t days)
{
	int64_t era, day_of_era, year_of_era, day_of_year, month;
	struct date d;

	days += 719468;
	era = days / 146097;
	day_of_era = days % 146097;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * day_of_year + 2) / 153;
	d.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	d.month = (int)(month < 10 ? month + 3 : month - 9);
	d.year = (int)(era * 400 + year_of_era + (d.month <= 2));
	return d;
}

/* A time that has no text form is shown as the nearest that has one. */
static int64_t
clamp_ms(int64_t wall_ms)
{
	if (wall_ms < 0)
		return 0;
	return wall_ms > LAST_MS ? LAST_MS : wall_ms;
}

struct date
date_of(int64_t wall_ms)
{
	return date_of_days(clamp_ms(wall_ms) / DAY_MS);
}

/* n digits of value at p, and what follows them; returns the place behind both. */
static char *
put_digits(char *p, int value, int n, char after)
{
	for (int i = n - 1; i >= 0; i--) {
		p[i] = (char)('0' + value % 10);
		value /= 10;
	}
	p[n] = after;
	return p + n + 1;
}

/* By hand: a crawl's life writes a dozen times, and printf cost a microsecond for each. */
char *
time_format(char *dst, int64_t wall_ms)
{
	struct date d;
	char *p = dst;
	int ms;

	wall_ms = clamp_ms(wall_ms);
	d = date_of(wall_ms);
	ms = (int)(wall_ms % DAY_MS);
	p = put_digits(p, d.year, 4, '-');
	p = put_digits(p, d.month, 2, '-');
	p = put_digits(p, d.day, 2, 'T');
	p = put_digits(p, ms / 3600000, 2, ':');
	p = put_digits(p, ms / 60000 % 60, 2, ':');
	p = put_digits(p, ms / 1000 % 60, 2, '.');
	p = put_digits(p, ms % 1000, 3, 'Z');
	*p = '\0';
	return dst;
}

/* Exactly n digits at *p, which moves past them; -1 when they are not there. */
static int
digits(const char **p, int n)
{
	int value = 0;

	while (n-- > 0) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (*(*p)++ - '0');
	}
	return value;
}

static int
date_read(const char **p, struct date *ret)
{
	struct date d;

	d.year = digits(p, 4);
	if (d.year < 1970 || *(*p)++ != '-')
		return -EINVAL;
	d.month = digits(p, 2);
	if (d.month < 1 || d.month > 12 || *(*p)++ != '-')
		return -EINVAL;
	d.day = digits(p, 2);
	if (d.day < 1 || d.day > days_in_month(d.year, d.month))
		return -EINVAL;
	*ret = d;
	return 0;
}

int
date_parse(const char *text, struct date *ret)
{
	const char *p = text;
	struct date d;

	if (strlen(text) != 10 || date_read(&p, &d) < 0)
		return -EINVAL;
	*ret = d;
	return 0;
}

/* "Z" or an offset, in minutes east of UTC. */
static int
zone_read(const char **p, int *ret_minutes)
{
	int sign, hours, minutes;

	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		*ret_minutes = 0;
		return 0;
	}
	if (**p != '+' && **p != '-')
		return -EINVAL;
	sign = *(*p)++ == '+' ? 1 : -1;
	hours = digits(p, 2);
	if (hours < 0 || hours > 23 || *(*p)++ != ':')
		return -EINVAL;
	minutes = digits(p, 2);
	if (minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret_minutes = sign * (hours * 60 + minutes);
	return 0;
}

/* "hh:mm:ss[.fraction]" in milliseconds. A leap second (:60) counts as the next one. */
static int
time_of_day_read(const char **p, int64_t *ret_ms)
{
	int hour, minute, second, ms = 0, scale = 100;

	hour = digits(p, 2);
	if (hour < 0 || hour > 23 || *(*p)++ != ':')
		return -EINVAL;
	minute = digits(p, 2);
	if (minute < 0 || minute > 59 || *(*p)++ != ':')
		return -EINVAL;
	second = digits(p, 2);
	if (second < 0 || second > 60)
		return -EINVAL;
	if (**p == '.') {
		(*p)++;
		if (**p < '0' || **p > '9')
			return -EINVAL;
		for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
			ms += (**p - '0') * scale;
	}
	*ret_ms = (int64_t)((hour * 60 + minute) * 60 + second) * 1000 + ms;
	return 0;
}

int
time_parse(const char *text, int64_t *ret_wall_ms)
{
	const char *p = text;
	int64_t of_day, ms;
	struct date d;
	int zone;

	if (date_read(&p, &d) < 0 || (*p != 'T' && *p != 't'))
		return -EINVAL;
	p++;
	if (time_of_day_read(&p, &of_day) < 0 || zone_read(&p, &zone) < 0 || *p != '\0')
		return -EINVAL;
	ms = days_of(d) * DAY_MS + of_day - zone * INT64_C(60000);
	if (ms < 0 || ms > LAST_MS)
		return -EINVAL;
	*ret_wall_ms = ms;
	return 0;
}

/* Two neighbouring units at most. Cut, not rounded: what is shown as an hour has
 * lasted an hour. */
char *
duration_format(char *dst, size_t size, int64_t ms)
{
	static const struct {
		int64_t unit_ms, part_ms;
		const char *unit, *part;
	} scales[] = {
		{ DAY_MS, 3600000, "d", "h" },
		{ 3600000, 60000, "h", "min" },
		{ 60000, 1000, "min", "s" },
	};
	int64_t part;

	if (ms < 0)
		ms = 0;
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		if (ms < scales[i].unit_ms)
			continue;
		part = ms % scales[i].unit_ms / scales[i].part_ms;
		(void)snprintf(dst, size, part > 0 ? "%lld %s %lld %s" : "%lld %s",
		    (long long)(ms / scales[i].unit_ms), scales[i].unit, (long long)part, scales[i].part);
		return dst;
	}
	if (ms < 1000)
		(void)snprintf(dst, size, "%d ms", (int)ms);
	else if (ms % 1000 < 100)
		(void)snprintf(dst, size, "%d s", (int)(ms / 1000));
	else
		(void)snprintf(dst, size, "%d.%d s", (int)(ms / 1000), (int)(ms % 1000 / 100));
	return dst;
}
