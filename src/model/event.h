/*
 * event.h - the announcements of a crawl: body and attributes as JSON text. Pure.
 *
 * The body is what consumers of the predecessor parse; everything newer stands
 * beside it in the attributes, in the names of CloudEvents 1.0's binary mode.
 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include "base/json_out.h"
#include "model/crawl.h"
#include "model/request.h"

struct event {
	uint64_t	 seq;		/* order of delivery, given by the store */
	struct uuid	 id;		/* stable over redelivery: ce-id */
	struct uuid	 crawl_id;
	enum event_type	 type;
	int64_t		 time_ms;
};

const char *event_type_name(enum event_type);	/* "crawl-triggered" */

/* {"event_type","timestamp","source","data":{...}} by the table of design section 5.
 * object_url is the gcs_path of a completed crawl, else NULL. */
void event_write_body(struct json_out *, const struct event *, const struct crawl *,
    const struct trigger_request *, const char *object_url);
/* {"ce-id","ce-source","ce-specversion","ce-type","ce-time","ce-subject","content-type"} */
void event_write_attributes(struct json_out *, const struct event *);

#endif
