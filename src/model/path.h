/*
 * path.h - the object path of a crawl from RAW_PATH_TEMPLATE. Pure.
 *
 * Placeholders: {year} {month} {day} {platform} {competitor} {brand} {category}
 * {snapshot_id} {crawl_id}. The date is the crawl's creation (UTC), so a retry
 * after midnight gives the same path. Values are made safe: bytes other than
 * letters, digits, ".", "_", "-" (UTF-8 letters are kept) become "_", an empty value is
 * "unknown", "." and ".." cannot come out.
 */
#ifndef MODEL_PATH_H
#define MODEL_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "model/crawl.h"
#include "model/request.h"

struct why;

#define PATH_TEMPLATE_DEFAULT "raw_snapshots/{year}/{month}/{day}/snapshot_{snapshot_id}.json"

/* -EINVAL: unknown placeholder, an absolute path, "..", neither {snapshot_id} nor
 * {crawl_id} (two crawls would share a path), too long. */
int path_template_check(const char *template, struct why *why);
/* The template was checked. -ENAMETOOLONG. */
int path_render(char *dst, size_t size, const char *template, const struct crawl *,
    const struct trigger_request *);

#endif
