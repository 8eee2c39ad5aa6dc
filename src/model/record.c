/*
 * record.c - sorts the records of a snapshot into posts and error rows and adds
 * up the media of the posts. What media are is platform.c's.
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
	assert(counter->name_count > MEMBER_OWN && counter->name_count <= countof(counter->names));
}

static bool
is_error_row(const struct json_member *m)
{
	if (platform_member_holds(&m[MEMBER_ERROR]) || platform_member_holds(&m[MEMBER_ERROR_CODE]))
		return true;
	if (platform_member_holds(&m[MEMBER_OWN]))
		return false;
	return platform_member_holds(&m[MEMBER_WARNING]) ||
	    platform_member_holds(&m[MEMBER_WARNING_CODE]);
}

void
record_counter_on_record(const struct json_member *members, void *arg)
{
	struct record_counter *counter = arg;

	if (is_error_row(members)) {
		counter->errors++;
		return;
	}
	counter->posts++;
	counter->media += counter->platform->count_media(&members[MEMBER_OWN]);
}
