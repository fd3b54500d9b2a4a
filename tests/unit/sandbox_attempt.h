/*
 * What the sandbox's test tries from inside, and what must become of it in each
 * stage.
 */
#ifndef SANDBOX_ATTEMPT_H
#define SANDBOX_ATTEMPT_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
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
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "process/sandbox.h"
#include "store/dir/private_dir.h"
#include "store/store.h"
#include "util/curl_lib.h"
#include "util/file.h"
#include "util/secret.h"

static char root[] = "/tmp/sandbox-test-XXXXXX";
static char store_path[64], password[64], socket_path[64], other[64];
static struct config config;
static struct store *store;
static int store_fd, root_fd, inet_fd, unix_fd, library_fd;
static int landlock; /* its version; 0: none */

/* How a child ended: what it did succeeded, failed with an error, or was its end. */
#define OK     0
#define KILLED (-SIGSYS)

/* 0 or the error, of a call that gives -1 for one. */
#define RESULT(call) ((call) == -1 ? errno : 0)

static int
connect_to(int domain, int type, const void *address, socklen_t len)
{
	int fd = socket(domain, type | SOCK_CLOEXEC, 0);

	return fd == -1 ? errno : RESULT(connect(fd, address, len));
}

static int
connect_port(int port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)port),
					    .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return connect_to(AF_INET, SOCK_STREAM, &address, sizeof(address));
}

static int
connect_inet(void)
{
	return connect_port(80);
}

static int
connect_unix(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, socket_path, strlen(socket_path));
	return connect_to(AF_UNIX, SOCK_STREAM, &address, sizeof(address));
}

/* No path, so no folder's access rights: D-Bus and X11 have had such sockets. */
static socklen_t
abstract_address(struct sockaddr_un *address)
{
	int len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1, "%s", root);

	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

static int
connect_abstract(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = abstract_address(&address);

	return connect_to(AF_UNIX, SOCK_STREAM, &address, len);
}

static int
connect_inherited(void)
{
	const struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons(80), .sin_addr = {htonl(INADDR_LOOPBACK)}};

	return RESULT(connect(inet_fd, (const struct sockaddr *)&address, sizeof(address)));
}

static int
bind_unix(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/bound", root);
	return RESULT(bind(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&address,
			   sizeof(address)));
}

static int
new_socket(int domain, int type)
{
	return RESULT(socket(domain, type, 0));
}

static int
map(int protection, int flags, int fd)
{
	return mmap(NULL, 4096, protection, flags, fd, 0) == MAP_FAILED ? errno : 0;
}

static int
protect(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return RESULT(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int
run(void)
{
	char *const argv[] = {"true", NULL}, *const envp[] = {NULL};

	return RESULT(execve("/bin/true", argv, envp));
}

static int
run_from_memory(void)
{
	char *const argv[] = {"true", NULL}, *const envp[] = {NULL};

	return RESULT(syscall(SYS_execveat, library_fd, "", argv, envp, AT_EMPTY_PATH));
}

/* A process of its own, by each of the ways that there are. */
static int
new_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return RESULT(pid);
}

static void *
thread_main(void *arg)
{
	return arg;
}

static int
new_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, thread_main, NULL);

	return error != 0 ? error : pthread_join(thread, NULL);
}

/* The system calls of another machine have other numbers: on this one, those of 32 bits. */
static int
foreign_call(void)
{
#ifdef __x86_64__
	long result = 20; /* getpid */

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	return result < 0 ? (int)-result : 0;
#else
	return (int)syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
#endif
}

/* All that the store does. */
static int
use_store(void)
{
	const struct store_keys keys = {.group = 1, .client = 2};
	struct flow flow = {.method = 0};
	struct allowance allowance;
	struct store_lock lock;
	struct snapshot found;
	char note[STORE_NOTE_MAX + 1], state[32];
	enum err err;
	int len = snprintf(state, sizeof(state), "state %d", (int)getpid());

	flow_id(state, (size_t)len, flow.id);
	flow.created = store->ops->now(store);
	flow.expires = flow.created + 300;
	err = store->ops->lock(store, 1, &lock);
	if (err == ERR_OK)
		err = store->ops->check_limits(store, &keys);
	if (err == ERR_OK)
		err = store->ops->add(store, &flow, "https://auth.example.com/", &keys, NULL);
	store->ops->unlock(store, &lock);
	if (err == ERR_OK)
		err = store->ops->consume(store, 2, 1, &allowance);
	if (err == ERR_OK)
		err = store->ops->claim(store, flow.id, NULL);
	if (err == ERR_OK)
		err = store->ops->finish(store, flow.id, FLOW_DONE, REASON_NONE);
	if (err == ERR_OK)
		err = store->ops->find(store, flow.id, &found);
	if (err == ERR_OK)
		err = store->ops->note_set(store, "n", "text");
	if (err == ERR_OK)
		err = store->ops->note_get(store, "n", 100, note);
	return err == ERR_OK && found.state == FLOW_DONE ? OK : EPROTO;
}

static int
read_password(void)
{
	char text[8] = "";
	int fd = file_open(password, O_RDONLY | O_NOFOLLOW);

	return fd == -1 ? errno : read(fd, text, sizeof(text)) == 6 ? OK : EPROTO;
}

static int
load_libcurl(void)
{
	const struct curl_lib *lib = curl_lib();
	CURL *curl = lib == NULL ? NULL : lib->curl_easy_init();

	if (curl == NULL)
		return ELIBACC;
	lib->curl_easy_cleanup(curl);
	return OK;
}

#define ATTEMPT(name, expression) \
	static int name(void) \
	{ \
		return expression; \
	}

ATTEMPT(open_passwd, RESULT(open("/etc/passwd", O_RDONLY)))
ATTEMPT(open_stream, fopen("/etc/passwd", "r") == NULL ? errno : OK)
ATTEMPT(open_beside, RESULT(openat(0, "/etc/passwd", O_RDONLY | O_CLOEXEC)))
ATTEMPT(open_above, RESULT(openat(store_fd, "../other", O_RDONLY)))
ATTEMPT(open_to_write, RESULT(openat(root_fd, "other", O_WRONLY)))
ATTEMPT(open_to_make, RESULT(openat(root_fd, "new", O_WRONLY | O_CREAT | O_EXCL, 0600)))
ATTEMPT(open_in_store, RESULT(open(other, O_WRONLY | O_CREAT, 0600)))
ATTEMPT(open_to_list, RESULT(openat(root_fd, ".", O_RDONLY | O_DIRECTORY)))
ATTEMPT(open_procfs, RESULT(openat(0, "/proc/self/mem", O_RDWR)))
ATTEMPT(open_other_way, (int)RESULT(syscall(SYS_openat2, root_fd, "other", NULL, 0)))
ATTEMPT(link_outside, RESULT(symlinkat("x", root_fd, "new")))
ATTEMPT(unlink_outside, RESULT(unlinkat(root_fd, "other", 0)))
ATTEMPT(move_outside, RESULT(renameat(store_fd, "file", root_fd, "new")))
ATTEMPT(unlink_path, RESULT(unlinkat(AT_FDCWD, other, 0)))
ATTEMPT(make_folder, RESULT(mkdirat(store_fd, "folder", 0700)))
ATTEMPT(make_node, RESULT(mknodat(store_fd, "node", S_IFIFO | 0600, 0)))
ATTEMPT(hard_link, RESULT(linkat(store_fd, "file", store_fd, "link", 0)))
ATTEMPT(change_mode, RESULT(fchmod(store_fd, 0777)))
ATTEMPT(change_owner, RESULT(fchown(store_fd, 0, 0)))
ATTEMPT(change_folder, RESULT(chdir("/")))
ATTEMPT(change_root, RESULT(chroot("/tmp")))
ATTEMPT(list_folder, (int)RESULT(syscall(SYS_getdents64, store_fd, &config, 1)))
ATTEMPT(socket_inet, new_socket(AF_INET, SOCK_STREAM))
ATTEMPT(socket_inet6, new_socket(AF_INET6, SOCK_DGRAM))
ATTEMPT(socket_netlink, new_socket(AF_NETLINK, SOCK_RAW))
ATTEMPT(socket_packet, new_socket(AF_PACKET, SOCK_RAW))
ATTEMPT(socket_vsock, new_socket(AF_VSOCK, SOCK_STREAM))
ATTEMPT(socket_dgram, new_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC))
ATTEMPT(socket_seqpacket, new_socket(AF_UNIX, SOCK_SEQPACKET))
ATTEMPT(start_listening, RESULT(listen(socket(AF_UNIX, SOCK_STREAM, 0), 1)))
ATTEMPT(new_process_vfork,
	(int)RESULT(syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)))
ATTEMPT(new_process_clone3, (int)RESULT(syscall(SYS_clone3, NULL, 0)))
ATTEMPT(new_namespace, RESULT(unshare(CLONE_NEWUSER)))
ATTEMPT(trace_parent, (int)RESULT(ptrace(PTRACE_ATTACH, getppid(), 0, 0)))
ATTEMPT(trace_me, (int)RESULT(ptrace(PTRACE_TRACEME, 0, 0, 0)))
ATTEMPT(read_memory, (int)RESULT(syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0)))
ATTEMPT(signal_other, RESULT(kill(1, 0)))
ATTEMPT(signal_thread, (int)RESULT(syscall(SYS_tgkill, 1, 1, 0)))
ATTEMPT(signal_owner, RESULT(fcntl(unix_fd, F_SETOWN, 1)))
ATTEMPT(map_code, map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1))
ATTEMPT(map_writable_code, map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, library_fd))
ATTEMPT(map_library, map(PROT_READ | PROT_EXEC, MAP_PRIVATE, library_fd))
ATTEMPT(read_implies_exec, (int)RESULT(syscall(SYS_personality, 0x0400000)))
ATTEMPT(change_user, (int)RESULT(syscall(SYS_setuid, 1)))
ATTEMPT(change_limit, RESULT(setrlimit(RLIMIT_CORE, &(const struct rlimit){1, 1})))
ATTEMPT(ask_limit, RESULT(getrlimit(RLIMIT_CORE, &(struct rlimit){0, 0})))
ATTEMPT(be_dumpable, RESULT(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)))
ATTEMPT(mount_something, RESULT(mount("x", "/tmp", "tmpfs", 0, NULL)))
ATTEMPT(ring, (int)RESULT(syscall(SYS_io_uring_setup, 1, NULL)))
ATTEMPT(kernel_program, (int)RESULT(syscall(SYS_bpf, 0, NULL, 0)))
ATTEMPT(unknown_call, (int)RESULT(syscall(9999)))
ATTEMPT(clock_and_random, getpid() > 0 && sched_yield() == 0 ? OK : EPROTO)

/* With which version of Landlock something is refused, and how; it is allowed without. */
#define LANDLOCK_SAYS(version, error) (1000 + (version)*1000 + (error))

/* What becomes of it in each stage. */
static const struct attempt {
	const char *name;
	int (*make)(void);
	int expected[SANDBOX_STAGES];
} attempts[] = {
#define NEVER \
	{ \
		KILLED, KILLED, KILLED \
	}
#define ALWAYS \
	{ \
		OK, OK, OK \
	}
#define REFUSED(version, error) \
	{ \
		LANDLOCK_SAYS(version, error), LANDLOCK_SAYS(version, error), \
		    LANDLOCK_SAYS(version, error) \
	}
    /* what they are for */
    {"the store", use_store, ALWAYS},
    {"a password", read_password, ALWAYS},
    {"a call to opencode", connect_unix, ALWAYS},
    {"libcurl", load_libcurl, ALWAYS},
    {"a thread", new_thread, {KILLED, KILLED, OK}},
    {"clock, random bytes", clock_and_random, ALWAYS},
    {"a limit, asked for", ask_limit, ALWAYS},

    /* other files */
    {"open()", open_passwd, {LANDLOCK_SAYS(1, EACCES), KILLED, KILLED}},
    {"fopen()", open_stream, {LANDLOCK_SAYS(1, EACCES), KILLED, KILLED}},
    {"openat() of an absolute path", open_beside, REFUSED(1, EACCES)},
    {"openat() above the store", open_above, REFUSED(1, EACCES)},
    {"openat() to write beside the store", open_to_write, REFUSED(1, EACCES)},
    {"openat() to make a file beside the store", open_to_make, REFUSED(1, EACCES)},
    {"openat() of a folder", open_to_list, REFUSED(1, EACCES)},
    {"openat() of our own memory", open_procfs, REFUSED(1, EACCES)},
    {"open() to write, by path", open_in_store, NEVER},
    {"openat2()", open_other_way, NEVER},
    {"a link beside the store", link_outside, REFUSED(1, EACCES)},
    {"removed beside the store", unlink_outside, REFUSED(1, EACCES)},
    {"moved out of the store", move_outside, REFUSED(1, EACCES)},
    {"removed by path", unlink_path, NEVER},
    {"a folder", make_folder, NEVER},
    {"a FIFO", make_node, NEVER},
    {"a hard link", hard_link, NEVER},
    {"a mode", change_mode, NEVER},
    {"an owner", change_owner, NEVER},
    {"another folder", change_folder, NEVER},
    {"another root", change_root, NEVER},
    {"a folder's list", list_folder, NEVER},
    {"mount()", mount_something, NEVER},

    /* elsewhere */
    {"connect to 127.0.0.1", connect_inet, NEVER},
    {"connect to 127.0.0.1 with a socket that was there", connect_inherited, REFUSED(4, EACCES)},
    {"connect to a name without path", connect_abstract, REFUSED(6, EPERM)},
    {"IPv4", socket_inet, NEVER},
    {"IPv6", socket_inet6, NEVER},
    {"netlink", socket_netlink, NEVER},
    {"packets", socket_packet, NEVER},
    {"vsock", socket_vsock, NEVER},
    {"datagrams, with the log on standard error", socket_dgram, NEVER},
    {"Unix sequences", socket_seqpacket, NEVER},
    {"bind()", bind_unix, NEVER},
    {"listen()", start_listening, NEVER},

    /* other programs and processes */
    {"execve()", run, NEVER},
    {"execveat()", run_from_memory, NEVER},
    {"fork()", new_process, NEVER},
    {"vfork()", new_process_vfork, NEVER},
    {"clone3()", new_process_clone3, {ENOSYS, ENOSYS, ENOSYS}},
    {"unshare()", new_namespace, NEVER},
    {"ptrace() of the parent", trace_parent, NEVER},
    {"ptrace() by the parent", trace_me, NEVER},
    {"another's memory", read_memory, NEVER},
    {"kill()", signal_other, NEVER},
    {"tgkill()", signal_thread, NEVER},
    {"SIGIO for another", signal_owner, NEVER},

    /* code */
    {"memory that runs", map_code, NEVER},
    {"a file that is written and runs", map_writable_code, NEVER},
    {"a library", map_library, {OK, KILLED, KILLED}},
    {"memory that was written and runs", protect, NEVER},
    {"memory that runs if it can be read", read_implies_exec, NEVER},

    /* the kernel */
    {"setuid()", change_user, NEVER},
    {"setrlimit()", change_limit, NEVER},
    {"prctl()", be_dumpable, NEVER},
    {"io_uring", ring, NEVER},
    {"bpf()", kernel_program, NEVER},
    {"a number that is no call", unknown_call, NEVER},
    {"the calls of another machine", foreign_call, NEVER},
};

#endif
