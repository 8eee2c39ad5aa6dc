/*
 * ctl_event.h - one line of the event log as a row for people. Pure.
 */
#ifndef CTL_CTL_EVENT_H
#define CTL_CTL_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#define EVENT_WORD_SIZE	  64
#define EVENT_DETAIL_SIZE 1024

struct ctl_event {		/* all printable */
	char	time[EVENT_WORD_SIZE];
	char	type[EVENT_WORD_SIZE];
	char	crawl_id[EVENT_WORD_SIZE];
	char	detail[EVENT_DETAIL_SIZE];	/* path and counts, or the error */
	bool	failed;
};

/* -EINVAL: the line is no event. */
int ctl_event_read(const char *line, size_t len, struct ctl_event *ret);

#endif
