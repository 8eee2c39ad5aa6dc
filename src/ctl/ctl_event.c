/*
 * ctl_event.c - one line of the event log as a row for people. Pure.
 */
#include "ctl/ctl_event.h"

#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"

static void
detail_of_completed(struct ctl_event *event, const json_t *data)
{
	char path[800], posts[32], media[32];

	(void)snprintf(event->detail, sizeof(event->detail), "%s posts, %s media, %s",
	    ctl_member_text(posts, sizeof(posts), data, "post_count"),
	    ctl_member_text(media, sizeof(media), data, "media_count"),
	    ctl_member_text(path, sizeof(path), data, "gcs_path"));
}

static void
detail_of_failed(struct ctl_event *event, const json_t *data)
{
	char code[64], stage[64], message[600];

	(void)snprintf(event->detail, sizeof(event->detail), "%s at %s: %s",
	    ctl_member_text(code, sizeof(code), data, "error_code"),
	    ctl_member_text(stage, sizeof(stage), data, "stage"),
	    ctl_member_text(message, sizeof(message), data, "error_message"));
	event->failed = true;
}

static void
detail_of_other(struct ctl_event *event, const json_t *data)
{
	char platform[64], snapshot[128], competitor[300];

	(void)snprintf(event->detail, sizeof(event->detail), "%s %s %s",
	    ctl_member_text(snapshot, sizeof(snapshot), data, "snapshot_id"),
	    ctl_member_text(platform, sizeof(platform), data, "platform"),
	    ctl_member_text(competitor, sizeof(competitor), data, "competitor"));
}

int
ctl_event_read(const char *line, size_t len, struct ctl_event *ret)
{
	scoped_json *doc = NULL;
	const json_t *message, *data;

	if (json_read(line, len, &doc, NULL) < 0)
		return -EINVAL;
	message = ctl_member(doc, "message");
	data = ctl_member(doc, "message.data");
	if (json_text(message, "event_type") == NULL || !json_is_object(data))
		return -EINVAL;
	*ret = (struct ctl_event){ .failed = false };
	ctl_member_text(ret->time, sizeof(ret->time), message, "timestamp");
	ctl_member_text(ret->type, sizeof(ret->type), message, "event_type");
	ctl_member_text(ret->crawl_id, sizeof(ret->crawl_id), data, "crawl_id");
	if (ctl_member(data, "error_message") != NULL)
		detail_of_failed(ret, data);
	else if (ctl_member(data, "gcs_path") != NULL)
		detail_of_completed(ret, data);
	else
		detail_of_other(ret, data);
	return 0;
}
