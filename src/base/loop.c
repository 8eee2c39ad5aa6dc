/* loop.c - event loops whose library speaks through our log. The loop is the caller's. */
#include "base/loop.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static void
on_library_log(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		log_say(&log_kind_library_error, NULL, "libevent: %s", text);
	else if (severity == EVENT_LOG_WARN)
		log_say(&log_kind_library_warning, NULL, "libevent: %s", text);
}

static void
on_library_fatal(int err)
{
	fatal(1, &log_kind_library_error, "libevent cannot go on (%d)", err);
}

static struct event_base *
loop_make(int flags)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	/* What libevent cannot allocate ends the process, as everywhere: not one of its many
	 * functions that make something has to be asked whether it did. */
	event_set_mem_functions(xmalloc, xrealloc, free);
	event_set_log_callback(on_library_log);
	event_set_fatal_callback(on_library_fatal);
	if (config != NULL && event_config_set_flag(config, flags) == 0)
		base = event_base_new_with_config(config);
	if (config != NULL)
		event_config_free(config);
	if (base == NULL)
		fatal(1, &log_kind_library_error, "no event loop could be made");
	return base;
}

struct event_base *
loop_new(void)
{
	return loop_make(0);
}

struct event_base *
loop_new_busy(void)
{
	return loop_make(EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
}

void
loop_timer_in(struct event *timer, int64_t ms)
{
	struct timeval when = clock_timeval(ms);

	if (evtimer_add(timer, &when) < 0)
		fatal(1, &log_kind_library_error, "a timer could not be set");
}
