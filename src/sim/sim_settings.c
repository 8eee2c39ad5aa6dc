/*
 * sim_settings.c - the table of settings, read from and written as JSON.
 */
#include "sim/sim_settings.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/why.h"

enum setting_kind { SETTING_INT, SETTING_NUMBER, SETTING_BOOL, SETTING_WORD };

#define AT(member) offsetof(struct sim_settings, member)

static const char *const vocabulary_words[] = { "default", "collecting", NULL };
static const char *const empty_words[] = { "array", "bytes", "text400", "failed", NULL };
static const char *const block_words[] = { "off", "403", "reset", NULL };

static const struct setting {
	const char		*name;
	enum setting_kind	 kind;
	size_t			 at;
	double			 min, max;
	const char *const	*words;
} table[] = {
	{ "ready_after", SETTING_NUMBER, AT(ready_after), 0, 1e9, NULL },
	{ "building", SETTING_INT, AT(building), 0, 1e6, NULL },
	{ "building_seconds", SETTING_INT, AT(building_seconds), 0, 1e6, NULL },
	{ "vocabulary", SETTING_WORD, AT(vocabulary), 0, 0, vocabulary_words },
	{ "empty", SETTING_WORD, AT(empty), 0, 0, empty_words },
	{ "time_scale", SETTING_NUMBER, AT(time_scale), 0, 1e6, NULL },
	{ "clock_offset", SETTING_NUMBER, AT(clock_offset), -1e9, 1e9, NULL },
	{ "not_ready_status", SETTING_INT, AT(not_ready_status), 200, 202, NULL },
	{ "building_text", SETTING_BOOL, AT(building_text), 0, 0, NULL },
	{ "chunked", SETTING_BOOL, AT(chunked), 0, 0, NULL },
	{ "gzip_header", SETTING_BOOL, AT(gzip_header), 0, 0, NULL },
	{ "gzip_always", SETTING_BOOL, AT(gzip_always), 0, 0, NULL },
	{ "list_lag", SETTING_NUMBER, AT(list_lag), 0, 1e9, NULL },
	{ "running_cap", SETTING_INT, AT(running_cap), 0, 1e9, NULL },
	{ "retention_days", SETTING_INT, AT(retention_days), 0, 36500, NULL },
	{ "error_json", SETTING_BOOL, AT(error_json), 0, 0, NULL },
	{ "block", SETTING_WORD, AT(block), 0, 0, block_words },
};

void
settings_init(struct sim_settings *s)
{
	*s = (struct sim_settings){
		.ready_after = 5, .time_scale = 1, .building = 2, .building_seconds = 30, .running_cap = 100,
		.retention_days = 16, .not_ready_status = 202, .gzip_header = true,
		.block = BLOCK_403,
	};
}

static int
word_set(int *at, const struct setting *row, const json_t *value, struct why *why)
{
	const char *text = json_string_value(value);
	char all[100] = "";
	size_t n = 0;

	for (int i = 0; row->words[i]; i++) {
		if (text && strcmp(text, row->words[i]) == 0) {
			*at = i;
			return 0;
		}
		n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "",
		    row->words[i]);
	}
	return why_set(why, EINVAL, "\"%s\" must be one of %s", row->name, all);
}

static int
setting_set(struct sim_settings *s, const struct setting *row, const json_t *value,
    struct why *why)
{
	void *at = (char *)s + row->at;
	double n = json_number_value(value);

	switch (row->kind) {
	case SETTING_WORD:
		return word_set(at, row, value, why);
	case SETTING_BOOL:
		if (!json_is_boolean(value))
			return why_set(why, EINVAL, "\"%s\" must be true or false", row->name);
		*(bool *)at = json_is_true(value);
		return 0;
	case SETTING_INT:
	case SETTING_NUMBER:
		if (!json_is_number(value) || n < row->min || n > row->max ||
		    (row->kind == SETTING_INT && !json_is_integer(value)))
			return why_set(why, EINVAL, "\"%s\" must be a %s from %.0f to %.0f",
			    row->name, row->kind == SETTING_INT ? "whole number" : "number",
			    row->min, row->max);
		if (row->kind == SETTING_INT)
			*(int *)at = (int)n;
		else
			*(double *)at = n;
		return 0;
	}
	return -EINVAL;
}

int
settings_read(struct sim_settings *s, const json_t *object, struct why *why)
{
	struct sim_settings changed = *s;
	const char *name;
	json_t *value;
	int r;

	if (!json_is_object(object))
		return why_set(why, EINVAL, "an object of settings is expected");
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		const struct setting *row = NULL;

		for (size_t i = 0; i < countof(table) && !row; i++)
			if (strcmp(table[i].name, name) == 0)
				row = &table[i];
		if (!row)
			return why_set(why, EINVAL, "there is no setting \"%.100s\"; GET /_sim/set "
			    "shows all", name);
		if ((r = setting_set(&changed, row, value, why)) < 0)
			return r;
	}
	if (changed.not_ready_status == 201)
		return why_set(why, EINVAL, "\"not_ready_status\" must be 200 or 202");
	if (changed.time_scale <= 0)
		return why_set(why, EINVAL, "\"time_scale\" must be above 0");
	*s = changed;
	return 0;
}

void
settings_write(const struct sim_settings *s, struct json_out *o)
{
	json_out_open(o);
	for (size_t i = 0; i < countof(table); i++) {
		const void *at = (const char *)s + table[i].at;

		json_out_key(o, table[i].name);
		switch (table[i].kind) {
		case SETTING_INT:
			json_out_int(o, *(const int *)at);
			break;
		case SETTING_NUMBER:
			json_out_number(o, *(const double *)at, 3);
			break;
		case SETTING_BOOL:
			json_out_bool(o, *(const bool *)at);
			break;
		case SETTING_WORD:
			json_out_string(o, table[i].words[*(const int *)at]);
			break;
		}
	}
	json_out_close(o);
}
