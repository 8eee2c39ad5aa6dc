/*
 * jail_calls.c - seccomp: which system calls a process may make from now on. libseccomp knows
 * their numbers on each architecture, and makes the filter; a name that it does not know is
 * a call that is answered like all that are not in the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/why.h"
#include "ipc/jail_part.h"

#ifndef HAVE_SECCOMP

int
jail_calls(const struct jail_row *row, struct why *why)
{
	(void)row;
	return why_set(why, ENOSYS, "calls: trawld was built without libseccomp");
}

#else

#include <seccomp.h>

#define LOW_HALF UINT64_C(0xffffffff)	/* the kernel looks at no more of an int */

#ifdef __s390x__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* ---- the table ---- */

/* Groups beside those of jail.h. */
#define EVERYBODY 0
#define SANITIZER (1U << 31)

static const struct group {
	unsigned	 who;		/* any of these; EVERYBODY */
	const char	*const *names;	/* NULL-terminated */
} allowed[] = {
	{ EVERYBODY, (const char *const[]){
	  /* descriptors that are there */
	  "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek", "_llseek",
	  "close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64", "ioctl", "pipe", "pipe2", "fstat", "fstat64",
	  "fstatfs", "fstatfs64",
	  /* waiting for them, and for time */
	  "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create", "epoll_create1",
	  "epoll_ctl", "epoll_ctl_old", "epoll_wait", "epoll_wait_old", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2",
	  "timerfd_create", "timerfd_settime", "timerfd_settime64", "timerfd_gettime", "timerfd_gettime64", "signalfd",
	  "signalfd4", "nanosleep", "clock_nanosleep", "clock_nanosleep_time64", "time", "gettimeofday", "clock_gettime",
	  "clock_gettime64", "clock_getres", "clock_getres_time64", "getitimer", "setitimer", "alarm", "pause",
	  /* sockets that are there */
	  "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "send", "sendto", "sendmsg", "sendmmsg", "shutdown",
	  "getsockname", "getpeername", "getsockopt", "setsockopt",
	  /* memory */
	  "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock", "mlock2", "munlock",
	  "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect", "get_mempolicy",
	  /* the process itself */
	  "futex", "futex_time64", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "sched_yield",
	  "sched_getaffinity", "sched_getscheduler", "sched_getparam", "sched_get_priority_min", "sched_get_priority_max",
	  "getcpu", "getpriority", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend",
	  "rt_sigtimedwait", "rt_sigtimedwait_time64", "sigaction", "sigprocmask", "sigreturn", "sigaltstack", "restart_syscall",
	  "getpid", "gettid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "getuid32", "geteuid", "geteuid32", "getgid",
	  "getgid32", "getegid", "getegid32", "getresuid", "getresuid32", "getresgid", "getresgid32", "getgroups",
	  "getgroups32", "capget", "getrusage", "times", "uname", "sysinfo", "umask", "prctl", "arch_prctl", "set_thread_area",
	  "get_thread_area", "set_tls", "cacheflush", "riscv_flush_icache", "riscv_hwprobe", "getrlimit", "ugetrlimit",
	  "setrlimit", "prlimit64", "getrandom", "exit", "exit_group",
	  /* names of files, and what they are */
	  "stat", "stat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "access", "faccessat",
	  "faccessat2", "readlink", "readlinkat", "getcwd", "chdir", "fchdir", "getdents", "getdents64", NULL } },
	{ JAIL_WRITE, (const char *const[]){
	  "open", "openat", "openat2", "creat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat",
	  "rmdir", "link", "linkat", "truncate", "truncate64", "ftruncate", "ftruncate64", "fallocate", "fsync", "fdatasync",
	  "sync_file_range", "sync_file_range2", "syncfs", "fadvise64", "fadvise64_64", "arm_fadvise64_64", "readahead", "flock",
	  "chmod", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "utime", "utimes", "futimesat", "utimensat",
	  "utimensat_time64", "sendfile", "sendfile64", "copy_file_range", "splice", "tee", NULL } },
	{ JAIL_ACCEPT, (const char *const[]){ "accept", "accept4", NULL } },
	{ JAIL_CONNECT, (const char *const[]){ "connect", "socketpair", NULL } },
	{ SANITIZER, (const char *const[]){
	  "clone", "clone3", "fork", "vfork", "wait4", "waitid", "execve", "ptrace", "process_vm_readv", "process_vm_writev",
	  "kill", "tgkill", "tkill", "personality", "socketpair", NULL } },
};

/* Allowed, or refused, where one argument has these bits under its mask. */
static const struct condition {
	const char	*name;
	unsigned	 who;
	unsigned	 argument;
	uint64_t	 mask, bits;
	int		 refusal;	/* 0: allowed */
} conditions[] = {
	{ "socket", JAIL_CONNECT, 0, LOW_HALF, AF_UNIX, 0 },
	{ "socket", JAIL_CONNECT, 0, LOW_HALF, AF_INET, 0 },
	{ "socket", JAIL_CONNECT, 0, LOW_HALF, AF_INET6, 0 },
	{ "clone", JAIL_THREADS, CLONE_FLAGS, CLONE_THREAD, CLONE_THREAD, 0 },
	{ "clone", JAIL_THREADS, CLONE_FLAGS, CLONE_THREAD, 0, EPERM },
};

/* Opening a file for anything but reading, for roles without JAIL_WRITE. */
static const uint64_t not_reading[] = { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC };
#define NOT_READING ((uint64_t)(O_ACCMODE | O_CREAT | O_TRUNC))

/* What each call is that somebody might want who is not the program: refused by name, so that
 * it is told from one that does not exist. What its role is allowed is not refused. */
static const char *const refused[] = {
	"execve", "execveat", "fork", "vfork", "clone", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
	"pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
	"socket", "socketpair", "socketcall", "connect", "bind", "listen", "accept", "accept4",
	"creat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat",
	"truncate", "truncate64", "ftruncate", "ftruncate64", "chmod", "fchmod", "fchmodat", "chown", "chown32", "lchown",
	"lchown32", "fchown", "fchown32", "fchownat", "symlink", "symlinkat", "mknod", "mknodat", "setxattr", "lsetxattr",
	"fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "name_to_handle_at", "open_by_handle_at", "memfd_secret",
	"mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"pivot_root", "chroot", "swapon", "swapoff", "quotactl", "quotactl_fd", "fanotify_init", "acct",
	"setuid", "setuid32", "setgid", "setgid32", "setreuid", "setreuid32", "setregid", "setregid32", "setresuid",
	"setresuid32", "setresgid", "setresgid32", "setfsuid", "setfsuid32", "setfsgid", "setfsgid32", "setgroups",
	"setgroups32", "capset", "unshare", "setns", "personality", "seccomp", "keyctl", "add_key", "request_key",
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "syslog", "iopl", "ioperm",
	"modify_ldt", "vhangup", "settimeofday", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64",
	"adjtimex", "sethostname", "setdomainname", "sched_setaffinity", "sched_setscheduler", "sched_setattr",
	"sched_setparam", "setpriority", "ioprio_set", "migrate_pages", "move_pages",
};

/* ---- the filter ---- */

#define NUMBERS 1024	/* of calls; some private ones of ARM lie above, which nobody refuses */

struct filter {
	scmp_filter_ctx	ctx;
	unsigned	who;
	int		error;			/* the first one */
	bool		always[NUMBERS];	/* has a rule for whatever its arguments are */
	bool		sometimes[NUMBERS];	/* has rules for some arguments */
};

static bool
allows(const struct filter *f, unsigned who)
{
	return who == EVERYBODY || (f->who & who) != 0;
}

/* A rule by itself takes the place of those with arguments, so that each call has the first it gets. */
static void
add_always(struct filter *f, const char *name, uint32_t action)
{
	int number = seccomp_syscall_resolve_name(name), r;

	/* Negative: this architecture, or libseccomp, has none of that name. */
	if (number < 0 || (number < NUMBERS && (f->always[number] || f->sometimes[number])))
		return;
	r = seccomp_rule_add(f->ctx, action, number, 0);
	if (r < 0 && f->error == 0)
		f->error = r;
	if (number < NUMBERS)
		f->always[number] = true;
}

static void
add_where(struct filter *f, const char *name, uint32_t action, struct scmp_arg_cmp where)
{
	int number = seccomp_syscall_resolve_name(name), r;

	if (number < 0 || number >= NUMBERS || f->always[number])
		return;
	r = seccomp_rule_add_array(f->ctx, action, number, 1, &where);
	if (r < 0 && f->error == 0)
		f->error = r;
	f->sometimes[number] = true;
}

static void
allow_names(struct filter *f, const char *const *names)
{
	for (; *names != NULL; names++)
		add_always(f, *names, SCMP_ACT_ALLOW);
}

static void
add_conditions(struct filter *f)
{
	for (size_t i = 0; i < countof(conditions); i++) {
		const struct condition *c = &conditions[i];

		if (allows(f, c->who))
			add_where(f, c->name, c->refusal == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((unsigned)c->refusal),
			    SCMP_CMP(c->argument, SCMP_CMP_MASKED_EQ, c->mask, c->bits));
	}
}

/* A family that somebody looks for and does without, as getaddrinfo() does: told as a kernel tells it
 * that has not got it. */
static void
refuse_families(struct filter *f)
{
	for (uint64_t family = 0; family < AF_MAX; family++)
		if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
			add_where(f, "socket", SCMP_ACT_ERRNO(EAFNOSUPPORT),
			    SCMP_CMP(0, SCMP_CMP_MASKED_EQ, LOW_HALF, family));
}

static void
only_reading(struct filter *f, const char *name, unsigned argument)
{
	add_where(f, name, SCMP_ACT_ALLOW, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, NOT_READING, O_RDONLY));
	for (size_t i = 0; i < countof(not_reading); i++)
		add_where(f, name, SCMP_ACT_ERRNO(EPERM),
		    SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, not_reading[i], not_reading[i]));
}

/* abort() is a signal to oneself. */
static void
only_own_signals(struct filter *f, const char *name)
{
	uint64_t own = (uint64_t)getpid();

	add_where(f, name, SCMP_ACT_ALLOW, SCMP_CMP(0, SCMP_CMP_EQ, own, 0));
	add_where(f, name, SCMP_ACT_ERRNO(EPERM), SCMP_CMP(0, SCMP_CMP_NE, own, 0));
}

static void
add_rules(struct filter *f)
{
	for (size_t i = 0; i < countof(allowed); i++)
		if (allows(f, allowed[i].who))
			allow_names(f, allowed[i].names);
	add_conditions(f);
	if (allows(f, JAIL_CONNECT))
		refuse_families(f);
	only_reading(f, "open", 1);
	only_reading(f, "openat", 2);
	only_own_signals(f, "kill");
	only_own_signals(f, "tgkill");
	for (size_t i = 0; i < countof(refused); i++)
		add_always(f, refused[i], SCMP_ACT_ERRNO(EPERM));
}

int
jail_calls(const struct jail_row *row, struct why *why)
{
	struct filter f = { .ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)),
		.who = row->calls | (JAIL_SANITIZED ? SANITIZER : 0) };
	int r;

	if (f.ctx == NULL)
		return why_set(why, ENOMEM, "calls: libseccomp makes no filter");
	/* A search of the numbers; an older libseccomp compares one after the other. */
	(void)seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	add_rules(&f);
	r = f.error < 0 ? f.error : seccomp_load(f.ctx);
	seccomp_release(f.ctx);
	return r < 0 ? why_set(why, -r, "calls: seccomp does not hold (%s)", strerror(-r)) : 0;
}

#endif
