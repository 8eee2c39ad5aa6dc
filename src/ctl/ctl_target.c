/*
 * ctl_target.c - where the daemon is, and where its data directory is: from the
 * command line, then the environment, then the packaged places.
 */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"

#define DATA_DIR_DEFAULT "/var/lib/trawld"
#define SOCKET_INSTALLED "/run/trawld/api.sock"	/* where trawld.socket has it */

static const char *
setting(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

int
ctl_data_path(char *dst, size_t size, const struct ctl_args *args, const char *name)
{
	const char *dir = args->value[OPT_DATA_DIR];
	int n;

	if (dir == NULL)
		dir = setting("DATA_DIR");
	if (dir == NULL)
		dir = DATA_DIR_DEFAULT;
	n = snprintf(dst, size, "%s/%s", dir, name);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* There, and ours to connect to, which takes the right to write. */
static bool
is_usable(struct ctl_target *t, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return false;
	if (access(path, W_OK) == 0)
		return true;
	if (errno == EACCES)
		(void)str_copy(t->closed, sizeof(t->closed), path);
	return false;
}

static int
use_socket(struct ctl_target *t, const char *path, bool told, struct why *why)
{
	if (str_copy(t->socket, sizeof(t->socket), path) < 0) {
		(void)why_set(why, ENAMETOOLONG, "the socket's path is too long");
		return EX_USAGE;
	}
	(void)str_copy(t->url, sizeof(t->url), "http://localhost");
	if (told)
		(void)snprintf(t->told, sizeof(t->told), " --socket %s", path);
	return EX_OK;
}

static int
use_url(struct ctl_target *t, const char *url, const char *origin, int wrong, struct why *why)
{
	size_t len = strlen(url);
	size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
	char shown[120];

	while (len > scheme && url[len - 1] == '/')
		len--;
	if (scheme == 0 || len == scheme || strpbrk(url, " \t\r\n?#") != NULL || len >= sizeof(t->url)) {
		(void)str_printable(shown, sizeof(shown), url, strlen(url));
		(void)why_set(why, EINVAL, "%s: \"%s\" is not an address like http://127.0.0.1:8080", origin, shown);
		return wrong;
	}
	(void)str_copy_n(t->url, sizeof(t->url), url, len);
	if (wrong == EX_USAGE)
		(void)snprintf(t->told, sizeof(t->told), " --daemon %s", t->url);
	return EX_OK;
}

static int
use_default(struct ctl_target *t, const struct ctl_args *args, struct why *why)
{
	const char *port = setting("PORT");
	char path[CTL_PATH_SIZE];
	int64_t number = 8080;

	if (ctl_data_path(path, sizeof(path), args, "api.sock") == 0 && is_usable(t, path))
		return use_socket(t, path, args->value[OPT_DATA_DIR] != NULL, why);
	if (is_usable(t, SOCKET_INSTALLED))
		return use_socket(t, SOCKET_INSTALLED, false, why);
	if (port != NULL && number_parse(port, 1, 65535, &number) < 0) {
		(void)why_set(why, EINVAL, "PORT: \"%.40s\" is not a port (1 to 65535)", port);
		return EX_CONFIG;
	}
	(void)snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%lld", (long long)number);
	return EX_OK;
}

int
ctl_target_find(struct ctl_target *ret, const struct ctl_args *args, struct why *why)
{
	const char *socket = args->value[OPT_SOCKET], *url = args->value[OPT_DAEMON];

	*ret = (struct ctl_target){ 0 };
	if (socket != NULL && url != NULL) {
		(void)why_set(why, EINVAL, "--socket and --daemon name two places; give one");
		return EX_USAGE;
	}
	if (socket != NULL)
		return use_socket(ret, socket, true, why);
	if (url != NULL)
		return use_url(ret, url, "--daemon", EX_USAGE, why);
	url = setting("TRAWLD_URL");
	if (url != NULL && args->value[OPT_DATA_DIR] == NULL)
		return use_url(ret, url, "TRAWLD_URL", EX_CONFIG, why);
	return use_default(ret, args, why);
}
