/* loop.c - event loops whose library speaks through our log. The loop is the caller's. */
#include "base/loop.h"

#include "base/clock.h"
#include "base/log.h"

static void
on_library_log(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		log_error("libevent: %s", text);
	else if (severity == EVENT_LOG_WARN)
		log_warning("libevent: %s", text);
}

static void
on_library_fatal(int err)
{
	fatal(1, "libevent cannot go on (%d)", err);
}

struct event_base *
loop_new(void)
{
	struct event_base *base;

	event_set_log_callback(on_library_log);
	event_set_fatal_callback(on_library_fatal);
	base = event_base_new();
	if (base == NULL)
		fatal(1, "no event loop could be made");
	return base;
}

void
loop_timer_in(struct event *timer, int64_t ms)
{
	struct timeval when = clock_timeval(ms);

	if (evtimer_add(timer, &when) < 0)
		fatal(1, "a timer could not be set");
}
