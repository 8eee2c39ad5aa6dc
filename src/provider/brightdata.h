/*
 * brightdata.h - Bright Data's Web Scraper API (datasets/v3), the first provider: what the files
 * of its row in the table share.
 */
#ifndef PROVIDER_BRIGHTDATA_H
#define PROVIDER_BRIGHTDATA_H

#include "base/json.h"
#include "provider/provider.h"

extern const struct provider provider_brightdata;	/* brightdata.c, which also asks */

/* brightdata_record.c */
const struct record_form *brightdata_record_form(enum platform_id);

/* brightdata_answer.c */
provider_read_trigger_fn brightdata_read_trigger;
provider_read_progress_fn brightdata_read_progress;
provider_read_data_fn brightdata_read_data;
provider_read_message_fn brightdata_read_message;
provider_read_cancel_fn brightdata_read_cancel;
provider_read_list_fn brightdata_read_list;
provider_read_input_fn brightdata_read_input;
provider_read_cap_fn brightdata_read_cap;

/* brightdata_text.c */

/* What the provider said, in one printable line: validation errors as "field: reason;
 * ...", a JSON error's text, plain text; a page of HTML is only named. */
void brightdata_text(const struct http_answer *, char *dst, size_t size);
/* The same for a document that was read already. */
void brightdata_text_of(const json_t *doc, char *dst, size_t size);
/* "try again in 30s", "Try again in 2 minutes": the pause, 1 s to ANSWER_WAIT_MAX_MS;
 * 0 when the text names none. */
int64_t brightdata_text_wait_ms(const char *text, size_t len);

#endif
