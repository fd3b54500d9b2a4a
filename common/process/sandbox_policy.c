/*
 * Lists the system calls that each stage of the sandbox allows. make runs this program and
 * compiles what it prints into both programs, because libseccomp takes longer to make a
 * filter than the CGI program takes to answer a request.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/sandbox.h"

#define EARLY  (1 << SANDBOX_CGI_EARLY)
#define LATE   (1 << SANDBOX_CGI_LATE)
#define WORKER (1 << SANDBOX_WORKER)
#define ALL    (EARLY | LATE | WORKER)
#define SYSLOG (1 << SANDBOX_STAGES)	   /* only if the log goes there */
#define PORT   (1 << (SANDBOX_STAGES + 1)) /* only if the store is behind a TCP port */

#define CONDITIONS_MAX	 2
#define NAME_SIZE	 32
#define INSTRUCTIONS_MAX 4096

/* Argument n, masked with mask, must equal value. A mask of 0 ends the list. */
struct condition {
	unsigned n;
	uint64_t mask;
	uint64_t value;
};

#define INT UINT64_C(0xffffffff)

/* An open folder. Not AT_FDCWD, which the C library passes whenever it opens a path. */
#define FOLDER(n) \
	{ \
		n, UINT64_C(0x80000000), 0 \
	}
/* Opens for reading only, and makes no file. */
#define TO_READ(n) \
	{ \
		n, INT & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECTORY | O_NOCTTY | 0100000), \
		    O_RDONLY \
	}
#define SOCKET_TYPE (INT & ~(uint64_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))

static const struct row {
	const char *calls; /* one, by the names that it has on different architectures */
	int stages;
	struct condition if_all[CONDITIONS_MAX];
	const char *reason;
} policy[] = {
    /* reading and writing what is open */
    {"read", ALL, {{0}}, "requests, answers, files"},
    {"write", ALL, {{0}}, "answers, files, the log"},
    {"readv", ALL, {{0}}, "the C library in place of read"},
    {"writev", ALL, {{0}}, "the C library in place of write; its last words"},
    {"pread64", ALL, {{0}}, "posix_fallocate() by hand; headers of libraries"},
    {"pwrite64", ALL, {{0}}, "the first bytes of the file of allowances"},
    {"lseek _llseek", ALL, {{0}}, "the C library, where a file was read"},
    {"close", ALL, {{0}}, "all that was opened"},
    {"fallocate", ALL, {{0}}, "index and allowances: room before they are mapped"},
    {"ftruncate ftruncate64", ALL, {{0}}, "an index that is not ours"},
    {"fstatfs fstatfs64", ALL, {{0}}, "posix_fallocate() by hand"},
    {"fcntl fcntl64", ALL, {{1, INT, F_GETFL}}, "non-blocking sockets"},
    {"fcntl fcntl64", ALL, {{1, INT, F_SETFL}}, "non-blocking sockets"},
    {"fcntl fcntl64", ALL, {{1, INT, F_GETFD}}, "close-on-exec"},
    {"fcntl fcntl64", ALL, {{1, INT, F_SETFD}}, "close-on-exec"},
    {"fcntl fcntl64", ALL, {{1, INT, F_DUPFD_CLOEXEC}}, "libcurl"},
    {"fcntl fcntl64", ALL, {{1, INT, F_OFD_SETLK}}, "the store's locks"},
    {"fcntl fcntl64", ALL, {{1, INT, F_OFD_SETLKW}}, "the store's locks"},
    {"dup3", ALL, {{0}}, "a store folder that was replaced"},
    {"poll ppoll ppoll_time64", ALL, {{0}}, "waiting for sockets and pipes"},

    /* files: the store, in its folder, and others */
    {"openat", ALL, {FOLDER(0)}, "files of the store, the store itself, passwords"},
    {"openat", EARLY, {TO_READ(2)}, "libraries; Landlock says where they are"},
    {"open", EARLY, {TO_READ(1)}, "the same, in other C libraries"},
    {"unlinkat", ALL, {FOLDER(0)}, "files of the store; the worker's socket at its end"},
    {"symlinkat", ALL, {FOLDER(1)}, "claims, verdicts, browsers: made in one step"},
    {"readlinkat", ALL, {FOLDER(0)}, "the same, read"},
    {"renameat", ALL, {FOLDER(0), FOLDER(2)}, "a file of the store that is complete"},
    {"renameat2", ALL, {FOLDER(0), FOLDER(2)}, "the same, if there is none"},
    {"newfstatat fstatat64 statx", ALL, {{0}}, "whose the store is, whether a socket is safe"},
    {"fstat fstat64", ALL, {{0}}, "the same of what is open"},
    {"stat lstat stat64 lstat64", ALL, {{0}}, "the same, in older C libraries"},
    {"geteuid geteuid32", ALL, {{0}}, "whose the store is"},

    /* sockets: only on this machine or to the store, and none that listens */
    {"socket", ALL, {{0, INT, AF_UNIX}, {1, SOCKET_TYPE, SOCK_STREAM}}, "calls to opencode"},
    {"socket", ALL | SYSLOG, {{0, INT, AF_UNIX}, {1, SOCKET_TYPE, SOCK_DGRAM}}, "/dev/log"},
    {"socket", ALL | PORT, {{0, INT, AF_INET}, {1, SOCKET_TYPE, SOCK_STREAM}}, "Redis"},
    {"socket", ALL | PORT, {{0, INT, AF_INET6}, {1, SOCKET_TYPE, SOCK_STREAM}}, "Redis"},
    {"connect", ALL, {{0}}, "opencode, /dev/log, Redis"},
    {"accept4", WORKER, {{0}}, "the web server"},
    {"send sendto", ALL, {{0}}, "opencode, the web server, /dev/log"},
    {"recv recvfrom", ALL, {{0}}, "opencode, the web server"},
    {"sendmsg", ALL, {{0}}, "libcurl"},
    {"recvmsg", ALL, {{0}}, "libcurl"},
    {"shutdown", ALL, {{0}}, "the end of an answer"},
    {"getsockopt", ALL, {{0}}, "whether a connection came about"},
    {"setsockopt", ALL, {{0}}, "how long an answer may take"},
    {"getsockname", ALL, {{0}}, "libcurl, libfcgi"},
    {"getpeername", ALL, {{0}}, "libcurl"},
    {"socketpair", ALL, {{0, INT, AF_UNIX}}, "libcurl, to wake itself"},
    {"pipe2 pipe", ALL, {{0}}, "the same"},
    {"eventfd2", ALL, {{0}}, "the same; the worker, to end its threads"},
    {"epoll_create1", WORKER, {{0}}, "the set in which connections rest"},
    {"epoll_ctl", WORKER, {{0}}, "the same"},
    {"epoll_wait epoll_pwait", WORKER, {{0}}, "the same"},

    /* memory: none is both writable and executable */
    {"brk", ALL, {{0}}, "the heap"},
    {"mmap mmap2", ALL, {{2, PROT_EXEC, 0}}, "the heap, stacks, the index"},
    {"mmap mmap2",
     EARLY,
     {{2, PROT_EXEC | PROT_WRITE, PROT_EXEC}, {3, MAP_ANONYMOUS, 0}},
     "code of libraries"},
    {"munmap", ALL, {{0}}, "the same"},
    {"mremap", ALL, {{0}}, "the heap"},
    {"mprotect", ALL, {{2, PROT_EXEC, 0}}, "the heap, stacks, libraries"},
    {"madvise", ALL, {{0}}, "the heap, stacks"},

    /* threads, signals, time */
    {"clone", WORKER, {{0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM}}, "threads"},
    {"set_robust_list", WORKER, {{0}}, "threads, at their start"},
    {"rseq", WORKER, {{0}}, "threads, at their start"},
    {"gettid", ALL, {{0}}, "threads, at their start"},
    {"futex futex_time64", ALL, {{0}}, "locks, waiting for threads"},
    {"sched_getaffinity", WORKER, {{0}}, "how many processors there are"},
    {"sched_yield", ALL, {{0}}, "waiting for a moment"},
    {"rt_sigaction", ALL, {{0}}, "libfcgi, libcurl: SIGPIPE"},
    {"rt_sigprocmask", ALL, {{0}}, "threads, at their start and end"},
    {"rt_sigreturn sigreturn", ALL, {{0}}, "a signal was taken"},
    {"rt_sigtimedwait rt_sigtimedwait_time64", WORKER, {{0}}, "the signals that end the worker"},
    {"restart_syscall", ALL, {{0}}, "stopped and continued"},
    {"exit", ALL, {{0}}, "the end of a thread"},
    {"exit_group", ALL, {{0}}, "the end"},
    {"clock_gettime clock_gettime64", ALL, {{0}}, "where the kernel has no quicker way"},
    {"gettimeofday", ALL, {{0}}, "the same"},
    {"time", ALL, {{0}}, "the same"},
    {"clock_nanosleep clock_nanosleep_time64 nanosleep", ALL, {{0}}, "libcurl, waiting"},
    {"getrandom", ALL, {{0}}, "tokens"},
    {"getpid", ALL, {{0}}, "syslog()"},
    {"sysinfo", ALL, {{0}}, "qsort() of some C libraries"},
    {"prlimit64", ALL, {{2, UINT64_MAX, 0}}, "limits, asked for and not changed"},

    /* needed by the constructors of libraries */
    {"access faccessat faccessat2", EARLY, {{0}}, "the loader, libcrypto, libgnutls"},
    {"seccomp", EARLY, {{0}}, "the next stage"},
};

/* Calls that the C library replaces by others if the kernel does not have them. */
static const char *const missing[] = {"clone3"};

static const char *const stage_names[SANDBOX_STAGES] = {"cgi_early", "cgi_late", "worker"};

static void
fail(const char *what, int error)
{
	fprintf(stderr, "sandbox_policy: %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

static void
add_row(scmp_filter_ctx filter, const struct row *row)
{
	struct scmp_arg_cmp compare[CONDITIONS_MAX];
	unsigned count = 0;

	for (; count < CONDITIONS_MAX && row->if_all[count].mask != 0; count++)
		compare[count] =
		    (struct scmp_arg_cmp){row->if_all[count].n, SCMP_CMP_MASKED_EQ,
					  row->if_all[count].mask, row->if_all[count].value};
	for (const char *p = row->calls; *p != '\0'; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		char name[NAME_SIZE];
		int number, error;

		snprintf(name, sizeof(name), "%.*s", (int)len, p);
		p += len;
		number = seccomp_syscall_resolve_name(name);
		/* unknown to this libseccomp or on this architecture: then nothing calls it */
		if (number == __NR_SCMP_ERROR)
			continue;
		error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, compare);
		if (error != 0)
			fail(name, -error);
	}
}

static scmp_filter_ctx
make_filter(int stage, int only)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	/* 2: a tree of comparisons, not a list */
	if (filter == NULL || seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0)
		fail("libseccomp 2.5 is needed", EINVAL);
	for (size_t i = 0; i < sizeof(policy) / sizeof(policy[0]); i++)
		if ((policy[i].stages & 1 << stage) != 0 &&
		    (policy[i].stages & (SYSLOG | PORT) & ~only) == 0)
			add_row(filter, &policy[i]);
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		int number = seccomp_syscall_resolve_name(missing[i]);

		if (number != __NR_SCMP_ERROR)
			(void)seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0);
	}
	return filter;
}

/* Names a combination of SYSLOG and PORT. */
static const char *
only_name(int only)
{
	return only == SYSLOG ? "_syslog"
	       : only == PORT ? "_port"
	       : only == 0    ? ""
			      : "_syslog_port";
}

/*
 * The kernel tries each system call on a new filter, so that it can skip the filter for calls
 * that are always allowed. That pays for the worker, but takes a tenth of the CGI program's
 * run time. The trial stops at an instruction that it does not know: this one, which copies a
 * register that nothing reads.
 */
static const struct sock_filter no_trial = {BPF_MISC | BPF_TAX, 0, 0, 0};

/*
 * libseccomp tests the upper half of an argument even if the mask ignores it: load it, AND it
 * with 0, compare it with 0. That is a fifth of what the kernel compiles for each CGI program.
 * Returns whether these three instructions stand here and the next one loads again.
 */
static bool
is_idle(const struct sock_filter *code, size_t left)
{
	return left > 3 && code[0].code == (BPF_LD | BPF_W | BPF_ABS) &&
	       code[1].code == (BPF_ALU | BPF_AND | BPF_K) && code[1].k == 0 &&
	       code[2].code == (BPF_JMP | BPF_JEQ | BPF_K) && code[2].k == 0 && code[2].jt == 0 &&
	       code[3].code == (BPF_LD | BPF_W | BPF_ABS);
}

/* Removes those three. Jumps only go forward, and none goes into the middle of the three. */
static size_t
shorten(struct sock_filter *code, size_t count)
{
	static size_t place[INSTRUCTIONS_MAX + 1]; /* the new index of each instruction */
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		place[i] = kept;
		if (is_idle(code + i, count - i)) {
			place[i + 1] = place[i + 2] = kept;
			i += 2;
		} else {
			kept++;
		}
	}
	place[count] = kept;
	for (size_t i = 0; i < count; i++) {
		struct sock_filter *old = &code[i], *new = &code[place[i]];

		if (place[i + 1] == place[i])
			continue;
		*new = *old;
		if (BPF_CLASS(new->code) != BPF_JMP)
			continue;
		if (BPF_OP(new->code) == BPF_JA) {
			new->k = (uint32_t)(place[i + 1 + new->k] - place[i] - 1);
			continue;
		}
		new->jt = (unsigned char)(place[i + 1 + new->jt] - place[i] - 1);
		new->jf = (unsigned char)(place[i + 1 + new->jf] - place[i] - 1);
	}
	return kept;
}

static void
print_filter(int stage, int only)
{
	static struct sock_filter code[INSTRUCTIONS_MAX];
	scmp_filter_ctx filter = make_filter(stage, only);
	FILE *file = tmpfile();
	size_t count = 0;
	int error;

	if (file == NULL)
		fail("tmpfile", errno);
	if (stage != SANDBOX_WORKER)
		code[count++] = no_trial;
	if ((error = seccomp_export_bpf(filter, fileno(file))) != 0)
		fail("seccomp_export_bpf", -error);
	rewind(file);
	count += fread(code + count, sizeof(code[0]), INSTRUCTIONS_MAX - count, file);
	if (count == INSTRUCTIONS_MAX)
		fail("seccomp_export_bpf", E2BIG);
	count = shorten(code, count);
	printf("static const struct sock_filter %s%s[] = {\n", stage_names[stage], only_name(only));
	for (size_t i = 0; i < count; i++)
		printf("    {0x%x, %u, %u, 0x%x},\n", code[i].code, code[i].jt, code[i].jf,
		       code[i].k);
	printf("};\n\n");
	fclose(file);
	seccomp_release(filter);
}

int
main(void)
{
	static const int only[] = {0, PORT, SYSLOG, SYSLOG | PORT};

	printf("/* Made by sandbox_policy.c, for this machine. */\n");
	for (int stage = 0; stage < SANDBOX_STAGES; stage++)
		for (size_t i = 0; i < 4; i++)
			print_filter(stage, only[i]);
	printf("static const struct sock_fprog sandbox_filters[][2][2] = {\n");
	for (int stage = 0; stage < SANDBOX_STAGES; stage++)
		for (size_t i = 0; i < 4; i++)
			printf("%s{sizeof(%s%s) / sizeof(%s%s[0]), (struct sock_filter *)%s%s}%s",
			       i == 0	? "    {{"
			       : i == 2 ? ", {"
					: ", ",
			       stage_names[stage], only_name(only[i]), stage_names[stage],
			       only_name(only[i]), stage_names[stage], only_name(only[i]),
			       i == 3	? "}},\n"
			       : i == 1 ? "}"
					: "");
	printf("};\n");
	return EXIT_SUCCESS;
}
