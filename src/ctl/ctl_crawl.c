/* ctl_crawl.c - what several commands do with a crawl: find its endpoint, print its block of fields. */
#include "ctl/ctl.h"

#include <string.h>

#include "base/mem.h"
#include "base/uuid.h"

/* The block's lines in order; what the answer does not have is left out. */
static const struct {
	const char *label, *path;
} lines[] = {
	{ "snapshot", "snapshot_id" },
	{ "waiting for", "waiting_for" },
	{ "until", "waiting_until" },
	{ "platform", "metadata.platform" },
	{ "competitor", "metadata.competitor" },
	{ "brand", "metadata.brand" },
	{ "category", "metadata.category" },
	{ "page", "metadata.url" },
	{ "created", "metadata.created_at" },
	{ "background", "background_processing.status" },
	{ "minutes", "background_processing.elapsed_minutes" },
	{ "object", "gcs_path" },
	{ "bytes", "size_bytes" },
	{ "posts", "post_count" },
	{ "media", "media_count" },
	{ "error rows", "error_count" },
	{ "other rows", "other_count" },
	{ "warning", "warning" },
	{ "stage", "stage" },
	{ "error", "error_code" },
	{ "message", "error_message" },
	{ "what to do", "recovery_suggestion" },
};

int
ctl_crawl_path(struct ctl *ctl, char *dst, size_t size, const char *tail)
{
	const char *given = ctl->args->operand;
	char shown[80], text[UUID_TEXT_SIZE];
	struct uuid id;

	if (uuid_parse(given, &id) < 0) {
		ctl_say(ctl, "\"%s\" is not a crawl's id, as 0190a1b2-0000-7000-8000-000000000000 (trigger prints it)",
		    str_printable(shown, sizeof(shown), given, strlen(given)));
		return EX_USAGE;
	}
	(void)snprintf(dst, size, "/api/v1/crawl/%s%s", uuid_format(text, &id), tail);
	return EX_OK;
}

void
ctl_status_print(struct ctl *ctl, const json_t *doc)
{
	char status[64];

	ctl_field_of(ctl, "crawl", doc, "crawl_id");
	ctl_member_text(status, sizeof(status), doc, "status");
	ctl_field(ctl, "status", status, ctl_status_colour(status));
	for (size_t i = 0; i < countof(lines); i++)
		ctl_field_of(ctl, lines[i].label, doc, lines[i].path);
	(void)fflush(stdout);
}
