/*
 * record.c - sorts the records of a snapshot into posts, error rows and others, and adds
 * up the media of the posts. What proves a post, and what media are, is told by the form.
 */
#include "model/record.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* ---- members ---- */

/* All that is known of a text is its beginning, which is enough to tell a blank one. */
static bool
is_blank(const struct json_member *m)
{
	return m->length < sizeof(m->head) && strspn(m->head, " \t\r\n") == m->length;
}

static bool
is_not_zero(const char *number)
{
	const char *telling = strpbrk(number, "123456789eE");

	return telling != NULL && isdigit((unsigned char)*telling);
}

/* A zero as error or id is a way to say that there is none. */
bool
record_member_holds(const struct json_member *m)
{
	switch (m->kind) {
	case JSON_STRING_VALUE:
		return !is_blank(m);
	case JSON_ARRAY_VALUE:
	case JSON_OBJECT_VALUE:
		return m->length > 0;
	case JSON_NUMBER_VALUE:
		return is_not_zero(m->head);
	case JSON_BOOL_VALUE:
		return m->is_true;
	default:
		return false;
	}
}

bool
record_member_is_id(const struct json_member *m)
{
	static const char *const none[] = { "null", "none", "undefined", "nan", "n/a", "false" };

	if ((m->kind != JSON_STRING_VALUE && m->kind != JSON_NUMBER_VALUE) || !record_member_holds(m))
		return false;
	for (size_t i = 0; i < countof(none); i++)
		if (strcasecmp(m->head, none[i]) == 0)
			return false;
	return true;
}

/* ---- records ---- */

static unsigned
add_names(struct record_counter *counter, const char *const *names, unsigned most)
{
	unsigned count = 0;

	while (count < most && names[count] != NULL)
		counter->names[counter->name_count++] = names[count++];
	return count;
}

void
record_counter_init(struct record_counter *counter, const struct record_form *form)
{
	unsigned watched;

	memset(counter, 0, sizeof(*counter));
	counter->form = form;
	counter->errors = add_names(counter, form->errors, countof(form->errors));
	counter->warnings = add_names(counter, form->warnings, countof(form->warnings));
	watched = add_names(counter, form->watch, countof(form->watch));
	assert(watched >= form->ids && counter->name_count <= countof(counter->names));
	(void)watched;
}

uint64_t
record_counts_rows(const struct record_counts *counts)
{
	return counts->posts + counts->errors + counts->others;
}

static const struct json_member *
own_members(const struct record_counter *counter, const struct json_record *record)
{
	return record->members + counter->errors + counter->warnings;
}

static bool
has_id(const struct record_counter *counter, const struct json_record *record)
{
	for (unsigned i = 0; i < counter->form->ids; i++)
		if (record_member_is_id(own_members(counter, record) + i))
			return true;
	return false;
}

/* Not even an empty one. */
static bool
names_no_id(const struct record_counter *counter, const struct json_record *record)
{
	for (unsigned i = 0; i < counter->form->ids; i++)
		if (own_members(counter, record)[i].kind != JSON_ABSENT)
			return false;
	return true;
}

static bool
one_holds(const struct json_member *members, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (record_member_holds(&members[i]))
			return true;
	return false;
}

enum kind { KIND_POST, KIND_ERROR, KIND_OTHER };

static enum kind
kind_of(const struct record_counter *counter, const struct json_record *record)
{
	if (one_holds(record->members, counter->errors))
		return KIND_ERROR;
	if (has_id(counter, record))
		return KIND_POST;
	return one_holds(record->members + counter->errors, counter->warnings) ? KIND_ERROR : KIND_OTHER;
}

/* Posts in it make it one, whatever it says beside them. An empty one is told from a row by what it has
 * not. */
static bool
is_envelope(const struct record_counter *counter, const struct json_record *record, enum kind kind)
{
	const struct record_counts *inside = &counter->inside;

	if (record->place != JSON_BY_ITSELF || record->kind != JSON_OBJECT_VALUE || record->arrays != 1 ||
	    kind == KIND_POST)
		return false;
	if (inside->posts > 0 || kind == KIND_ERROR)
		return inside->posts > 0;
	return inside->errors > 0 || (record_counts_rows(inside) == 0 && names_no_id(counter, record));
}

static void
add_up(struct record_counts *sum, const struct record_counts *more)
{
	sum->posts += more->posts;
	sum->media += more->media;
	sum->errors += more->errors;
	sum->others += more->others;
}

void
record_counter_on_record(const struct json_record *record, void *arg)
{
	struct record_counter *counter = arg;
	enum kind kind = kind_of(counter, record);
	struct record_counts one = {
		.posts = kind == KIND_POST,
		.media = kind == KIND_POST ? counter->form->count_media(own_members(counter, record)) : 0,
		.errors = kind == KIND_ERROR,
		.others = kind == KIND_OTHER,
	};

	if (record->place == JSON_IN_ENVELOPE) {
		add_up(&counter->inside, &one);
		return;
	}
	add_up(&counter->total, is_envelope(counter, record, kind) ? &counter->inside : &one);
	counter->inside = (struct record_counts){ 0 };
}
