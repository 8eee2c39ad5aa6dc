/*
 * ctl_backup.c - has the daemon copy its job store, and takes the copy out of DATA_DIR to
 * where it was asked for. Whatever goes wrong on the way, the copy is not lost: it then stays
 * in DATA_DIR, and its place is told.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/ctl_object.h"

#define PATIENCE_MS 60000
#define TIMEOUT_MS  (2 * 3600 * 1000)	/* a daemon that never answers; it answers within an hour */

/* ---- FILE ---- */

static int
stays(struct ctl *ctl, const char *path, const char *reason)
{
	ctl_say(ctl, "%s", reason);
	ctl_say(ctl, "the backup was made and stays in the daemon's DATA_DIR: %s", path);
	return CTL_FAILED;
}

static int
not_readable(struct ctl *ctl, const char *path, int error)
{
	char reason[CTL_PATH_SIZE + 200];
	const char *file = ctl->args->operand;

	if (error == EACCES || error == EPERM)
		(void)snprintf(reason, sizeof(reason), "this user may not read the backup; what to do: run trawlctl backup as root"
		    " or as the daemon's user, or: sudo mv %s %s", path, file);
	else
		(void)snprintf(reason, sizeof(reason), "the backup cannot be read here: %s; what to do: if the daemon runs on another"
		    " machine, fetch the file from there", strerror(error));
	return stays(ctl, path, reason);
}

/* The file that the daemon named, and no other one that has its name here. */
static int
open_backup(const char *path, const json_t *doc, int *ret_fd)
{
	scoped_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size != json_int(doc, "size_bytes", 0, INT64_MAX, -1))
		return -ESTALE;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Copied to FILE, and then no longer kept in DATA_DIR. */
static int
fetch(struct ctl *ctl, const json_t *doc)
{
	const char *path = json_text(doc, "path"), *file = ctl->args->operand;
	scoped_fd from = -1;
	struct why why;
	int error;

	if (path == NULL) {
		ctl_say(ctl, "the answer names no file");
		return CTL_FAILED;
	}
	error = open_backup(path, doc, &from);
	if (error < 0)
		return not_readable(ctl, path, -error);
	if (ctl_file_copy(from, file, 0600, &why) < 0)
		return stays(ctl, path, why.text);
	if (unlink(path) < 0)
		ctl_say(ctl, "the backup is in %s, but was not removed from DATA_DIR: %s: %s", file, path, strerror(errno));
	return EX_OK;
}

/* ---- what is printed ---- */

static void
print(struct ctl *ctl, const json_t *doc, const char *file)
{
	ctl_field(ctl, "backup", file != NULL ? file : json_text(doc, "path"), COLOUR_NONE);
	ctl_field_of(ctl, "bytes", doc, "size_bytes");
	ctl_field_of(ctl, "crawls", doc, "crawls");
	ctl_field_of(ctl, "as of", doc, "timestamp");
}

/* The API's answer, but for where the backup now is. */
static void
print_json(const struct ctl_reply *reply, const char *file)
{
	if (file == NULL) {
		ctl_reply_print(reply);
		return;
	}
	(void)json_object_set_new(reply->doc, "path", json_string(file));
	(void)json_dumpf(reply->doc, stdout, JSON_COMPACT);
	putchar('\n');
}

static int
take_answer(struct ctl *ctl, const struct ctl_reply *reply)
{
	const char *file = ctl->args->operand;
	int status;

	if (reply->status != 200)
		return ctl_refused(ctl, reply, "back up the job store");
	status = file != NULL ? fetch(ctl, reply->doc) : EX_OK;
	if (status != EX_OK)
		file = NULL;		/* it is where the daemon put it */
	if (ctl->json)
		print_json(reply, file);
	else if (status == EX_OK)
		print(ctl, reply->doc, file);
	return status;
}

int
ctl_backup(struct ctl *ctl)
{
	struct ctl_question question = {
		.method = "POST", .path = "/api/v1/admin/backup", .timeout_ms = TIMEOUT_MS, .patience_ms = PATIENCE_MS,
	};
	struct ctl_reply reply;
	int status;

	if (ctl->args->operand != NULL && ctl->args->operand[0] == '\0') {
		ctl_say(ctl, "FILE is empty");
		return EX_USAGE;
	}
	status = ctl_ask(ctl, &question, &reply);
	if (status != EX_OK)
		return status;
	status = take_answer(ctl, &reply);
	ctl_reply_done(&reply);
	return status;
}
