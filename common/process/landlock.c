#include "process/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * From linux/landlock.h, since the installed headers may be older than the running kernel.
 * These numbers are the same on every architecture.
 */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule	    445
#define SYS_landlock_restrict_self  446
#endif

#define VERSION	     1 /* LANDLOCK_CREATE_RULESET_VERSION */
#define PATH_BENEATH 1 /* LANDLOCK_RULE_PATH_BENEATH */
#define NET_PORT     2 /* LANDLOCK_RULE_NET_PORT */
#define CONNECT_TCP  2 /* LANDLOCK_ACCESS_NET_CONNECT_TCP */

struct ruleset {
	uint64_t files; /* forbidden unless a rule allows it */
	uint64_t net;
	uint64_t scoped;
};

struct path_beneath {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

struct net_port {
	uint64_t rights;
	uint64_t port;
};

/* Lists what each version of Landlock can forbid. We forbid all of it. */
static const struct ruleset known[] = {
    {0, 0, 0},	    {0x1fff, 0, 0}, /* 5.13: run, write, read, make and remove, of each kind */
    {0x3fff, 0, 0},		    /* 5.19: move to another folder */
    {0x7fff, 0, 0},		    /* 6.2: truncate */
    {0x7fff, 3, 0},		    /* 6.7: listen on and connect to TCP ports */
    {0xffff, 3, 0},		    /* 6.10: ioctl on devices */
    {0xffff, 3, 3},		    /* 6.12: abstract Unix sockets, signals */
};

static uint64_t handled;

int
landlock_begin(void)
{
	const long newest = sizeof(known) / sizeof(known[0]) - 1;
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION);

	if (version < 0)
		return -1;
	if (version > newest)
		version = newest;
	handled = known[version].files;
	return (int)syscall(SYS_landlock_create_ruleset, &known[version], sizeof(known[version]),
			    0);
}

bool
landlock_allow_fd(int rules, int fd, uint64_t rights)
{
	const struct path_beneath rule = {.rights = rights & handled, .fd = fd};

	return syscall(SYS_landlock_add_rule, rules, PATH_BENEATH, &rule, 0) == 0;
}

bool
landlock_allow(int rules, const char *path, int flags, uint64_t rights)
{
	int fd = open(path, O_PATH | O_CLOEXEC | flags);
	bool allowed = fd >= 0 && landlock_allow_fd(rules, fd, rights);

	if (fd >= 0)
		close(fd);
	return allowed;
}

bool
landlock_allow_port(int rules, int port)
{
	const struct net_port rule = {.rights = CONNECT_TCP, .port = (uint64_t)port};

	return syscall(SYS_landlock_add_rule, rules, NET_PORT, &rule, 0) == 0;
}

bool
landlock_end(int rules)
{
	bool done = syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	int error = errno;

	close(rules);
	errno = error;
	return done;
}
