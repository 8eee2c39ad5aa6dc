/*
 * test-ipc-jail.c - each role's jail: a child enters the row that its role enters, tries every
 * call of the table, and what it was told is held against what the role may do. Both walls are also
 * tried alone, so that neither hides that the other is open.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/why.h"
#include "ipc/jail.h"
#include "ipc/jail_part.h"

#define CONCURRENCY_LIMIT 64
#define NO_SUCH_CALL 100000

/* What a child finds when it is in its jail. */
static struct {
	char	     top[64];		/* DATA_DIR is top/data; top/other is somebody else's */
	struct conf  conf;
	int	     listener, caller;	/* TCP on the loopback; a socket that is not connected yet */
	int	     pair[2];
	struct sockaddr_in address;
} world;

static const char *
at(const char *name)
{
	static char path[2][PATH_MAX];
	static unsigned turn;
	char *dst = path[turn++ % 2];

	(void)snprintf(dst, PATH_MAX, "%s/%s", world.top, name);
	return dst;
}

/* ---- what is tried: 0, or the errno ---- */

static int
told(long result)
{
	return result < 0 ? errno : 0;
}

static int
opened(const char *path, int flags)
{
	scoped_fd fd = open(path, flags | O_CLOEXEC, 0600);

	return told(fd);
}

static int
made(const char *path)
{
	return opened(path, O_RDWR | O_CREAT | O_EXCL);
}

static int read_store(void) { return opened(at("data/trawld.db"), O_RDONLY); }
static int write_store(void) { return opened(at("data/trawld.db"), O_RDWR); }
static int truncate_store(void) { return told(truncate(at("data/trawld.db"), 0)); }
static int remove_store(void) { return told(unlink(at("data/trawld.db"))); }
static int make_in_data(void) { return made(at("data/events.ndjson")); }
static int move_in_data(void) { return told(rename(at("data/old"), at("data/older"))); }
static int make_folder_in_data(void) { return told(mkdir(at("data/folder"), 0700)); }
static int list_data(void) { return opened(at("data"), O_RDONLY | O_DIRECTORY); }
static int write_backup(void) { return made(at("data/backup/trawld-1.db")); }
static int make_in_spool(void) { return made(at("data/spool/a.part")); }
static int make_folder_of_objects(void) { return told(mkdir(at("data/objects/2026"), 0700)); }
static int move_to_objects(void) { return told(rename(at("data/spool/whole"), at("data/objects/whole"))); }
static int move_to_quarantine(void) { return told(rename(at("data/spool/bad"), at("data/quarantine/bad"))); }
static int read_object(void) { return opened(at("data/objects/there"), O_RDONLY); }
static int link_object(void) { return told(link(at("data/objects/there"), at("data/objects/linked"))); }
static int symlink_object(void) { return told(symlink("there", at("data/objects/symlink"))); }
static int fifo_in_spool(void) { return told(mkfifo(at("data/spool/fifo"), 0600)); }
static int read_other(void) { return opened(at("other/secret"), O_RDONLY); }
static int write_other(void) { return made(at("other/new")); }
static int move_out(void) { return told(rename(at("data/spool/out"), at("other/out"))); }
static int read_certificates(void) { return opened(at("certificates/ca.pem"), O_RDONLY); }
static int read_new_certificates(void) { return opened(at("certificates/new.pem"), O_RDONLY); }
static int read_hosts(void) { return opened("/etc/passwd", O_RDONLY); }
static int read_random(void) { return opened("/dev/urandom", O_RDONLY); }
static int read_self(void) { return opened("/proc/self/status", O_RDONLY); }

static int
read_of_parent(const char *name)
{
	char path[64], byte;
	scoped_fd fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)getppid(), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return told(fd < 0 ? -1 : read(fd, &byte, 1));
}

static int read_parent_environment(void) { return read_of_parent("environ"); }
static int read_parent_memory(void) { return read_of_parent("mem"); }
static int write_null(void) { return opened("/dev/null", O_WRONLY); }

static int
socket_of(int family, int type)
{
	scoped_fd fd = socket(family, type | SOCK_CLOEXEC, 0);

	return told(fd);
}

static int socket_tcp(void) { return socket_of(AF_INET, SOCK_STREAM); }
static int socket_tcp6(void) { return socket_of(AF_INET6, SOCK_STREAM); }
static int socket_udp(void) { return socket_of(AF_INET, SOCK_DGRAM); }
static int socket_unix(void) { return socket_of(AF_UNIX, SOCK_STREAM); }
static int socket_netlink(void) { return socket_of(AF_NETLINK, SOCK_RAW); }
static int socket_packet(void) { return socket_of(AF_PACKET, SOCK_RAW); }
static int socket_crypto(void) { return socket_of(AF_ALG, SOCK_SEQPACKET); }

static int
connect_tcp(void)
{
	return told(connect(world.caller, (struct sockaddr *)&world.address, sizeof(world.address)));
}

static int
bind_tcp(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return told(bind(world.caller, (struct sockaddr *)&any, sizeof(any)));
}

static int listen_tcp(void) { return told(listen(world.listener, 7)); }

static int
accept_tcp(void)
{
	scoped_fd fd = accept4(world.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	return fd < 0 && errno == EAGAIN ? 0 : told(fd);	/* nobody calls */
}

static int
talk_to_parent(void)
{
	char byte = 'x';

	return told(send(world.pair[0], &byte, 1, MSG_DONTWAIT) < 0 ? -1 : recv(world.pair[0], &byte, 1, MSG_DONTWAIT));
}

static int
look_up_host(void)
{
	struct addrinfo *found = NULL;
	int r = getaddrinfo("localhost", "80", NULL, &found);

	if (r == 0)
		freeaddrinfo(found);
	return r == 0 ? 0 : EHOSTUNREACH;
}

static int
fork_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return told(pid);
}

static int fork_raw(void) { return told(syscall(SYS_clone3, NULL, 0)) == EINVAL ? 0 : errno; }

static void *
thread_runs(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int
start_thread(void)
{
	pthread_t thread;
	int ran = 0, r = pthread_create(&thread, NULL, thread_runs, &ran);

	if (r == 0)
		r = pthread_join(thread, NULL);
	return r != 0 ? r : ran ? 0 : ESRCH;
}

static int
exec_shell(void)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 0", NULL };

	return told(execve("/bin/sh", argv, argv + 3));
}

/* Where these are allowed they fail in another way and change nothing. */
static int trace_parent(void) { return told(ptrace(PTRACE_DETACH, getppid(), NULL, NULL)); }
static int signal_parent(void) { return told(kill(getppid(), 0)); }
static int signal_self(void) { return told(kill(getpid(), 0)); }
static int raise_signal(void) { return told(raise(SIGURG)); }
static int mount_something(void) { return told(mount("none", at("nowhere"), "tmpfs", 0, NULL)); }
static int new_namespace(void) { return told(unshare(CLONE_FS)); }
static int change_root(void) { return told(chroot("/")); }
static int become_who_we_are(void) { return told(syscall(SYS_setuid, getuid())); }
static int open_by_handle(void) { return told(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0)); }
static int load_bpf(void) { return told(syscall(SYS_bpf, 0, NULL, 0)); }
static int count_events(void) { return told(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)); }
static int ring(void) { return told(syscall(SYS_io_uring_setup, 1, NULL)); }
static int key_ring(void) { return told(syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }
static int load_kernel(void) { return told(syscall(SYS_kexec_load, 0, 0, NULL, ~0UL)); }
static int load_module(void) { return told(syscall(SYS_finit_module, -1, "", 0)); }
static int set_clock(void) { return told(syscall(SYS_clock_settime, CLOCK_REALTIME, NULL)); }
static int new_filter(void) { return told(syscall(SYS_seccomp, 0, 1, NULL)); }
static int unknown_call(void) { return told(syscall(NO_SUCH_CALL)); }

static int
leave_core(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_CORE, &limit) < 0 ? errno : limit.rlim_max == 0 ? EPERM : 0;
}

/* What the kinds of work that all roles do need: memory, time, random numbers, a digest. */
static int
work(void)
{
	struct timespec moment = { 0, 1000 };
	struct checksum *sum;
	uint8_t sha256[SHA256_SIZE];
	uint32_t crc32c;
	void *memory = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || munmap(memory, 8 << 20) < 0 || nanosleep(&moment, NULL) < 0)
		return errno;
	free(xmalloc(4 << 20));
	sum = checksum_new();
	checksum_update(sum, "abc", 3);
	checksum_end(sum, &crc32c, sha256);
	checksum_free(sum);
	return sha256[0] == 0xba ? 0 : EINVAL;
}

/* ---- the table ---- */

/* What of the jail refuses it; WRITES: the calls, to a role that writes no files. */
enum wall { FILES = 1, CALLS = 2, TCP = 4, SIGNALS = 8, LIMITS = 16, WRITES = 32 };

#define BIT(role) (1u << (role))
#define KEEPER	  BIT(ROLE_KEEPER)
#define PUBLISHER BIT(ROLE_PUBLISHER)
#define POLLER	  BIT(ROLE_POLLER)
#define FRONT	  BIT(ROLE_FRONT)
#define ALL	  (KEEPER | PUBLISHER | POLLER | FRONT)

static const struct attempt {
	const char *what;
	int	  (*act)(void);
	unsigned    may;	/* the roles that may */
	unsigned    walls;	/* any of these refuses it to the others */
	int	    answer;	/* of the calls' wall: EPERM when 0 */
	bool	    sanitizer;	/* allowed in sanitized builds, which need it */
} attempts[] = {
	{ "work", work, ALL, 0, 0, false },
	{ "talk to a process it is connected with", talk_to_parent, ALL, 0, 0, false },
	{ "read random numbers", read_random, ALL, FILES, 0, false },
	{ "read about itself", read_self, ALL, FILES, 0, false },
	{ "read its parent's environment", read_parent_environment, 0, FILES, 0, false },
	{ "read its parent's memory", read_parent_memory, 0, FILES, 0, false },
	{ "raise a signal", raise_signal, ALL, CALLS, 0, false },
	{ "signal itself", signal_self, ALL, CALLS, 0, false },
	{ "leave a core", leave_core, 0, LIMITS, 0, false },

	{ "read the store", read_store, KEEPER | PUBLISHER, FILES, 0, false },
	{ "write the store", write_store, KEEPER | PUBLISHER, FILES | WRITES, 0, false },
	{ "truncate the store", truncate_store, KEEPER | PUBLISHER, FILES | WRITES, 0, false },
	{ "list DATA_DIR", list_data, KEEPER | PUBLISHER | POLLER, FILES, 0, false },
	{ "make a file in DATA_DIR", make_in_data, KEEPER | PUBLISHER, FILES | WRITES, 0, false },
	{ "move a file in DATA_DIR", move_in_data, KEEPER | PUBLISHER, FILES | WRITES, 0, false },
	{ "make a folder in DATA_DIR", make_folder_in_data, KEEPER, FILES | WRITES, 0, false },
	{ "write a backup", write_backup, KEEPER | PUBLISHER, FILES | WRITES, 0, false },
	{ "make a file in the spool", make_in_spool, KEEPER | PUBLISHER | POLLER, FILES | WRITES, 0, false },
	{ "make a folder of objects", make_folder_of_objects, KEEPER | POLLER, FILES | WRITES, 0, false },
	{ "move from the spool to objects", move_to_objects, KEEPER | POLLER, FILES | WRITES, 0, false },
	{ "move from the spool to quarantine", move_to_quarantine, KEEPER | POLLER, FILES | WRITES, 0, false },
	{ "read an object", read_object, KEEPER | PUBLISHER | POLLER, FILES, 0, false },
	{ "link an object", link_object, KEEPER | PUBLISHER | POLLER, FILES | WRITES, 0, false },
	{ "make a symbolic link", symlink_object, 0, FILES | CALLS, 0, false },
	{ "make a pipe with a name", fifo_in_spool, 0, FILES | CALLS, 0, false },
	{ "read another's file", read_other, 0, FILES, 0, false },
	{ "write in another's folder", write_other, 0, FILES | WRITES, 0, false },
	{ "move a file out of DATA_DIR", move_out, 0, FILES | WRITES, 0, false },
	{ "read certificates", read_certificates, POLLER, FILES, 0, false },
	{ "read certificates that came later", read_new_certificates, POLLER, FILES, 0, false },
	{ "read /etc", read_hosts, POLLER, FILES, 0, false },
	{ "write to a device", write_null, 0, FILES, 0, false },
	{ "remove the store", remove_store, KEEPER | PUBLISHER, FILES | WRITES, 0, false },

	{ "make a TCP socket", socket_tcp, POLLER, CALLS, 0, false },
	{ "make a TCP socket (IPv6)", socket_tcp6, POLLER, CALLS, 0, false },
	{ "make a UDP socket", socket_udp, POLLER, CALLS, 0, false },
	{ "make a Unix socket", socket_unix, POLLER, CALLS, 0, false },
	{ "make a netlink socket", socket_netlink, 0, CALLS, EAFNOSUPPORT, false },
	{ "make a packet socket", socket_packet, 0, CALLS, EAFNOSUPPORT, false },
	{ "make a crypto socket", socket_crypto, 0, CALLS, EAFNOSUPPORT, false },
	{ "take a connection", accept_tcp, FRONT, CALLS, 0, false },
	{ "listen", listen_tcp, 0, CALLS, 0, false },
	{ "take a port", bind_tcp, 0, CALLS, 0, false },
	{ "connect by TCP", connect_tcp, POLLER, CALLS | TCP, 0, false },
	{ "look up a host", look_up_host, POLLER, 0, 0, false },

	{ "start a thread", start_thread, POLLER, CALLS, 0, true },
	{ "fork", fork_process, 0, CALLS, 0, true },
	{ "fork in the new way", fork_raw, 0, CALLS, ENOSYS, true },
	{ "exec", exec_shell, 0, CALLS | FILES, 0, true },
	{ "trace another process", trace_parent, 0, CALLS, 0, true },
	{ "signal another process", signal_parent, 0, CALLS | SIGNALS, 0, true },
	{ "mount", mount_something, 0, CALLS, 0, false },
	{ "make a namespace", new_namespace, 0, CALLS, 0, false },
	{ "change the root", change_root, 0, CALLS, 0, false },
	{ "set its user", become_who_we_are, 0, CALLS, 0, false },
	{ "open a file by its handle", open_by_handle, 0, CALLS, 0, false },
	{ "load a BPF program", load_bpf, 0, CALLS, 0, false },
	{ "watch the processor", count_events, 0, CALLS, 0, false },
	{ "make a ring of calls", ring, 0, CALLS, 0, false },
	{ "use the key ring", key_ring, 0, CALLS, 0, false },
	{ "load a kernel", load_kernel, 0, CALLS, 0, false },
	{ "load a module", load_module, 0, CALLS, 0, false },
	{ "set the clock", set_clock, 0, CALLS, 0, false },
	{ "change its filter", new_filter, 0, CALLS, 0, false },
	{ "make a call that nobody knows", unknown_call, 0, CALLS, ENOSYS, false },
};

/* ---- the world ---- */

static void
put_file(const char *name)
{
	scoped_fd fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, "x", 1), 0);
}

static void
world_begin(void)
{
	static const char *const folders[] = { "data", "data/spool", "data/objects", "data/quarantine", "data/backup",
		"other", "certificates" };
	static const char *const files[] = { "data/trawld.db", "data/old", "data/spool/whole", "data/spool/bad",
		"data/spool/out", "data/objects/there", "other/secret", "certificates/ca.pem" };
	socklen_t size = sizeof(world.address);

	(void)strcpy(world.top, "/tmp/trawld-test-XXXXXX");
	assert_non_null(mkdtemp(world.top));
	for (size_t i = 0; i < countof(folders); i++)
		assert_int_equal(mkdir(at(folders[i]), 0700), 0);
	for (size_t i = 0; i < countof(files); i++)
		put_file(files[i]);
	conf_init(&world.conf);
	(void)strcpy(world.conf.data_dir, at("data"));
	(void)strcpy(world.conf.provider_ca_file, at("certificates/ca.pem"));
	world.address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	world.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(world.listener, (struct sockaddr *)&world.address, sizeof(world.address)), 0);
	assert_int_equal(listen(world.listener, CONCURRENCY_LIMIT), 0);
	assert_int_equal(getsockname(world.listener, (struct sockaddr *)&world.address, &size), 0);
	world.caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, world.pair), 0);
	assert_int_equal(send(world.pair[1], "y", 1, 0), 1);
}

static void
world_end(void)
{
	char command[128];

	(void)close(world.listener);
	(void)close(world.caller);
	(void)close(world.pair[0]);
	(void)close(world.pair[1]);
	(void)snprintf(command, sizeof(command), "rm -rf %s", world.top);
	assert_int_equal(system(command), 0);
}

typedef int enter_fn(const struct jail_row *row, const struct conf *conf, struct why *why);

static int
enter_files(const struct jail_row *row, const struct conf *conf, struct why *why)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return jail_files(row, conf, why);
}

static int
enter_calls(const struct jail_row *row, const struct conf *conf, struct why *why)
{
	(void)conf;
	return jail_calls(row, why);
}

struct result {
	struct why missing;
	bool	   whole;
	int	   answers[countof(attempts)];
};

/* What each attempt is answered in the jail, from a process that is in it. */
static void
try_all(enum role role, enter_fn *enter, struct result *ret)
{
	struct result *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int status;

	assert_true(shared != MAP_FAILED);
	world_begin();
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGURG, SIG_IGN);
		shared->whole = enter(jail_row(role), &world.conf, &shared->missing) == 0;
		for (size_t i = 0; i < countof(attempts); i++) {
			if (attempts[i].act == read_new_certificates)
				(void)send(world.pair[0], "!", 1, 0), (void)recv(world.pair[0], &status, 1, 0);
			shared->answers[i] = JAIL_SANITIZED && attempts[i].sanitizer ? -1 : attempts[i].act();
		}
		_exit(0);
	}
	/* "Later" is when the child is in its jail: its first byte tells, the second asks. */
	assert_int_equal(recv(world.pair[1], &status, 1, 0), 1);
	assert_int_equal(recv(world.pair[1], &status, 1, 0), 1);
	put_file("certificates/new.pem");
	assert_int_equal(send(world.pair[1], "!", 1, 0), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	world_end();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("the %s died in its jail: status %d", role_name(role), status);
	*ret = *shared;
	(void)munmap(shared, sizeof(*shared));
}

/* ---- tests ---- */

/* EXDEV: so Landlock refuses a move between folders. */
static bool
is_refusal(int answer, const struct attempt *a)
{
	return answer == EACCES || answer == EPERM || answer == EXDEV || (a->answer != 0 && answer == a->answer) ||
	    (a->act == start_thread && answer == EAGAIN);	/* which is how pthread_create() tells both */
}

static void
check_role(enum role role, enter_fn *enter, unsigned walls)
{
	struct result r;
	unsigned wrong = 0;

	if ((walls & FILES) == 0 && (jail_row(role)->calls & JAIL_WRITE) != 0)
		walls &= ~(unsigned)WRITES;
	try_all(role, enter, &r);
	if (!r.whole) {
		print_message("%s: %s\n", role_name(role), r.missing.text);
		skip();
	}
	for (size_t i = 0; i < countof(attempts); i++) {
		const struct attempt *a = &attempts[i];
		bool may = (a->may & BIT(role)) != 0;

		if (r.answers[i] < 0 || (!may && (a->walls & walls) == 0))
			continue;
		if (may ? r.answers[i] == 0 : is_refusal(r.answers[i], a))
			continue;
		print_error("a %s may %s%s: it was told %d, %s\n", role_name(role), may ? "" : "not ", a->what,
		    r.answers[i], r.answers[i] == 0 ? "yes" : strerror(r.answers[i]));
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void
check_roles(enter_fn *enter, unsigned walls)
{
	for (enum role role = ROLE_KEEPER; role < ROLE_COUNT; role++)
		check_role(role, enter, walls);
}

static void
each_role_does_what_its_row_says_and_nothing_else(void **state)
{
	(void)state;
	check_roles(jail_enter, FILES | CALLS | TCP | SIGNALS | LIMITS | WRITES);
}

static void
landlock_alone_keeps_files_ports_and_signals(void **state)
{
	long abi = syscall(444, NULL, 0, 1);

	(void)state;
	check_roles(enter_files, FILES | (abi >= 4 ? TCP : 0) | (abi >= 6 ? SIGNALS : 0));
}

static void
seccomp_alone_keeps_calls(void **state)
{
	(void)state;
	check_roles(enter_calls, CALLS | WRITES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_does_what_its_row_says_and_nothing_else),
		cmocka_unit_test(landlock_alone_keeps_files_ports_and_signals),
		cmocka_unit_test(seccomp_alone_keeps_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
