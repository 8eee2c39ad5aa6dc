/*
 * event_file.h - the names of the local event log: what its writer calls them and its
 * readers look for. Pure.
 *
 * events.ndjson is written; events.ndjson.1 is the one before it, .2 the one before that.
 * A number may be missing when a rotation was cut short; their order holds all the same.
 */
#ifndef MODEL_EVENT_FILE_H
#define MODEL_EVENT_FILE_H

#include <stddef.h>

#define EVENT_FILE_NAME "events.ndjson"
#define EVENT_FILES_MAX 100	/* old files; each of them is renamed when one more comes */

/* path itself for 0, else path.number; -ENAMETOOLONG. */
int event_file_path(char *dst, size_t size, const char *path, unsigned number);

#endif
