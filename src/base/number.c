/*
 * number.c - numbers, durations and sizes from text. Whole numbers throughout, so that 0.3
 * seconds are 300 ms and not 299.
 */
#include "base/number.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define DIGITS_MAX   18		/* any such number fits */
#define FRACTION_MAX 9

static const struct {
	const char *suffix;
	int64_t	    ms;
} units[] = {
	{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
};

/* How many digits were there; the pointer is moved behind them. */
static int
take_digits(const char **p, int64_t *ret)
{
	int64_t value = 0;
	int count = 0;

	for (; isdigit((unsigned char)**p); (*p)++) {
		if (++count > DIGITS_MAX)
			return -EINVAL;
		value = value * 10 + (**p - '0');
	}
	*ret = value;
	return count;
}

int
number_parse(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	int64_t value;

	if (take_digits(&text, &value) <= 0 || *text != '\0' || value < min || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int
unit_find(const char *suffix, int64_t *ret_ms)
{
	for (size_t i = 0; i < countof(units); i++) {
		if (strcmp(suffix, units[i].suffix) == 0) {
			*ret_ms = units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

int
duration_parse(const char *text, int64_t *ret_ms)
{
	int64_t whole, part = 0, scale = 1, unit;
	int part_digits = 0;

	if (take_digits(&text, &whole) <= 0)
		return -EINVAL;
	if (*text == '.') {
		text++;
		part_digits = take_digits(&text, &part);
		if (part_digits <= 0 || part_digits > FRACTION_MAX)
			return -EINVAL;
	}
	while (isspace((unsigned char)*text))
		text++;
	if (unit_find(text, &unit) < 0 || whole > INT64_MAX / 2 / unit - 1)
		return -EINVAL;
	for (int i = 0; i < part_digits; i++)
		scale *= 10;
	*ret_ms = whole * unit + part * unit / scale;
	return 0;
}

int
size_parse(const char *text, int64_t *ret_bytes)
{
	static const char sizes[] = SIZE_UNITS;
	const char *unit;
	int64_t value;
	int shift = 0;

	if (take_digits(&text, &value) <= 0)
		return -EINVAL;
	if (*text != '\0') {
		unit = strchr(sizes, toupper((unsigned char)*text));
		if (unit == NULL || text[1] != '\0')
			return -EINVAL;
		shift = 10 * (int)(unit - sizes + 1);
	}
	if (value > INT64_MAX / 2 >> shift)
		return -EINVAL;
	*ret_bytes = value << shift;
	return 0;
}
