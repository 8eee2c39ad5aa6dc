/*
 * record.c - sorts the records of a snapshot into posts, error rows and others, and adds
 * up the media of the posts. What proves a post, and what media are, is platform.c's.
 */
#include "model/record.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* The first names are the same for every platform, then come the platform's own. */
enum { MEMBER_ERROR, MEMBER_ERROR_CODE, MEMBER_WARNING, MEMBER_WARNING_CODE, MEMBER_OWN };

static const char *const common_names[MEMBER_OWN] = {
	[MEMBER_ERROR]        = "error",
	[MEMBER_ERROR_CODE]   = "error_code",
	[MEMBER_WARNING]      = "warning",
	[MEMBER_WARNING_CODE] = "warning_code",
};

void
record_counter_init(struct record_counter *counter, enum platform_id id)
{
	const struct platform *platform = platform_of(id);

	memset(counter, 0, sizeof(*counter));
	counter->platform = platform;
	for (unsigned i = 0; i < MEMBER_OWN; i++)
		counter->names[counter->name_count++] = common_names[i];
	for (unsigned i = 0; i < countof(platform->watch) && platform->watch[i] != NULL; i++)
		counter->names[counter->name_count++] = platform->watch[i];
	assert(counter->name_count >= MEMBER_OWN + platform->ids && counter->name_count <= countof(counter->names));
}

uint64_t
record_counts_rows(const struct record_counts *counts)
{
	return counts->posts + counts->errors + counts->others;
}

static bool
has_id(const struct platform *platform, const struct json_member *m)
{
	for (unsigned i = 0; i < platform->ids; i++)
		if (platform_member_is_id(&m[MEMBER_OWN + i]))
			return true;
	return false;
}

/* Not even an empty one. */
static bool
names_no_id(const struct platform *platform, const struct json_member *m)
{
	for (unsigned i = 0; i < platform->ids; i++)
		if (m[MEMBER_OWN + i].kind != JSON_ABSENT)
			return false;
	return true;
}

enum kind { KIND_POST, KIND_ERROR, KIND_OTHER };

static enum kind
kind_of(const struct platform *platform, const struct json_record *record)
{
	const struct json_member *m = record->members;

	if (platform_member_holds(&m[MEMBER_ERROR]) || platform_member_holds(&m[MEMBER_ERROR_CODE]))
		return KIND_ERROR;
	if (has_id(platform, m))
		return KIND_POST;
	return platform_member_holds(&m[MEMBER_WARNING]) || platform_member_holds(&m[MEMBER_WARNING_CODE]) ?
	    KIND_ERROR : KIND_OTHER;
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
	return inside->errors > 0 || (record_counts_rows(inside) == 0 && names_no_id(counter->platform, record->members));
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
	enum kind kind = kind_of(counter->platform, record);
	struct record_counts one = {
		.posts = kind == KIND_POST,
		.media = kind == KIND_POST ? counter->platform->count_media(&record->members[MEMBER_OWN]) : 0,
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
