/*
 * jail_files.c - Landlock: which files a process may open from now on, and whom it may reach
 * otherwise. The numbers are the kernel's own, because the header of a distribution is often older
 * than the kernel that trawld runs on; what a kernel does not know yet is left out by its ABI.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "ipc/jail_part.h"

#ifndef SYS_landlock_create_ruleset	/* the same number on every architecture */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule	    445
#define SYS_landlock_restrict_self  446
#endif

#define ASK_ABI	     (1U << 0)
#define PATH_BENEATH 1

/* Rights to files, with the ABI that has them. */
#define FS_EXECUTE     (UINT64_C(1) << 0)
#define FS_WRITE_FILE  (UINT64_C(1) << 1)
#define FS_READ_FILE   (UINT64_C(1) << 2)
#define FS_READ_DIR    (UINT64_C(1) << 3)
#define FS_REMOVE_DIR  (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR    (UINT64_C(1) << 7)
#define FS_MAKE_REG    (UINT64_C(1) << 8)
#define FS_ALL_OF_1    ((UINT64_C(1) << 13) - 1)
#define FS_REFER       (UINT64_C(1) << 13)	/* 2: to move from one folder to another */
#define FS_TRUNCATE    (UINT64_C(1) << 14)	/* 3 */
#define FS_OF_A_FILE   (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)
#define NET_TCP	       UINT64_C(3)		/* 4: bind and connect */
#define SCOPE_ALL      UINT64_C(3)		/* 6: abstract Unix sockets, signals */

struct ruleset {
	uint64_t fs, net, scoped;
};

struct beneath {
	uint64_t allowed;
	int32_t	 folder;
} __attribute__((packed));

#define READ (FS_READ_FILE | FS_READ_DIR)

static const uint64_t rights[] = {
	[JAIL_LIST] = FS_READ_DIR,
	[JAIL_FILES] = READ | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE,
	[JAIL_TREE] = READ | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE | FS_MAKE_DIR |
	    FS_REMOVE_DIR | FS_REFER,
};

/* What libraries read, also after a start: the C library, OpenSSL's configuration, time zones, random
 * numbers, a sanitizer's symbols. Public files of the system; what is not there is left out. */
static const char *const system_files[] = {
	"/usr/lib", "/usr/lib64", "/usr/share", "/lib", "/lib64", "/usr/local/lib", "/usr/local/share", "/usr/local/ssl",
	"/nix/store", "/gnu/store", "/etc/ssl", "/etc/pki", "/etc/crypto-policies", "/etc/ld.so.cache",
	"/etc/localtime", "/dev/null", "/dev/urandom", "/dev/random", "/proc/self", "/proc/self/exe", "/proc/sys",
	"/sys/devices/system/cpu",
};

/* What names of hosts are looked up by. Whole folders: their files are replaced by others under
 * the same names whenever the network changes, and rights are the files', not the names'. */
static const char *const lookup_files[] = {
	"/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/nscd", "/var/db/nscd",
	"/var/lib/sss",
};

struct walls {
	int	 fd;
	uint64_t handled;
	char	 data_dir[PATH_MAX];	/* as it really is; "" for a role that is not told */
};

static void
allow(const struct walls *w, const char *path, uint64_t wanted)
{
	scoped_fd fd = open(path, O_PATH | O_CLOEXEC);
	struct beneath rule = { wanted & w->handled, fd };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;		/* who needs it finds that by itself */
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_A_FILE;
	(void)syscall(SYS_landlock_add_rule, w->fd, PATH_BENEATH, &rule, 0);
}

static void
allow_reading(const struct walls *w, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		allow(w, paths[i], READ);
}

/* A file that its owner replaces by another is read by its folder, unless the store lies below. */
static void
allow_file_with_folder(const struct walls *w, const char *path)
{
	char real[PATH_MAX];
	size_t len;

	if (realpath(path, real) == NULL)
		return;
	allow(w, real, READ);
	len = (size_t)(strrchr(real, '/') - real);
	if (len == 0 || (strncmp(w->data_dir, real, len) == 0 && (w->data_dir[len] == '/' || w->data_dir[len] == '\0')))
		return;
	real[len] = '\0';
	allow(w, real, READ);
}

static void
allow_place(const struct walls *w, const struct jail_place *place)
{
	char path[PATH_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", w->data_dir, place->name);
	allow(w, path, rights[place->use]);
}

/* A folder gets its rights when it is there; one that the role would make itself would have none. */
static void
make_places(const struct jail_row *row, const char *data_dir)
{
	scoped_fd data = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; data >= 0 && i < JAIL_PLACES && row->places[i].use != JAIL_NONE; i++)
		if (row->places[i].name[0] != '\0')
			(void)fs_make_dirs(data, row->places[i].name, NULL);
}

static void
allow_row(struct walls *w, const struct jail_row *row, const struct conf *conf)
{
	allow_reading(w, system_files, countof(system_files));
	if (row->places[0].use != JAIL_NONE && realpath(conf->data_dir, w->data_dir) != NULL) {
		if (row->places[0].use == JAIL_LIST)
			make_places(row, w->data_dir);
		for (size_t i = 0; i < JAIL_PLACES && row->places[i].use != JAIL_NONE; i++)
			allow_place(w, &row->places[i]);
	}
	if (!row->looks_up)
		return;
	allow_reading(w, lookup_files, countof(lookup_files));
	allow_file_with_folder(w, "/etc/resolv.conf");
	if (conf->provider_ca_file[0] != '\0')
		allow_file_with_folder(w, conf->provider_ca_file);
}

static struct ruleset
ruleset_of(const struct jail_row *row, int abi)
{
	struct ruleset set = { FS_ALL_OF_1, 0, 0 };

	if (abi >= 2)
		set.fs |= FS_REFER;
	if (abi >= 3)
		set.fs |= FS_TRUNCATE;
	if (abi >= 4 && (row->calls & JAIL_CONNECT) == 0)
		set.net = NET_TCP;
	if (abi >= 6)
		set.scoped = SCOPE_ALL;
	return set;
}

int
jail_files(const struct jail_row *row, const struct conf *conf, struct why *why)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_ABI);
	struct ruleset set = ruleset_of(row, abi);
	struct walls w = { .handled = set.fs };
	scoped_fd fd = -1;

	if (abi < 0)
		return why_set(why, errno, "files: no Landlock here (%s)", strerror(errno));
	/* The first version lets nobody move a file into another folder, which a snapshot's way to its place is. */
	if (abi < 2)
		return why_set(why, ENOSYS, "files: Landlock is too old here (ABI %d)", abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof(set), 0);
	if (fd < 0)
		return why_set(why, errno, "files: Landlock makes no rules (%s)", strerror(errno));
	w.fd = fd;
	allow_row(&w, row, conf);
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return why_set(why, errno, "files: Landlock does not hold (%s)", strerror(errno));
	return 0;
}
