/*
 * Restricts by path which files the process may open from now on: Landlock, where the
 * kernel has it (5.13). Files that are already open stay open.
 */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The rights of a rule, in the kernel's numbers. A rule for a file takes only the first three. */
#define LANDLOCK_WRITE	     UINT64_C(0x0002)
#define LANDLOCK_READ	     UINT64_C(0x0004)
#define LANDLOCK_TRUNCATE    UINT64_C(0x4000)
#define LANDLOCK_OPEN_FOLDER UINT64_C(0x0008)
#define LANDLOCK_UNLINK	     UINT64_C(0x0020)
#define LANDLOCK_MAKE_FILE   UINT64_C(0x0100)
#define LANDLOCK_MAKE_LINK   UINT64_C(0x1000) /* symbolic */

/* Creates a set of rules and returns its descriptor; -1 with errno if there is no Landlock. */
int landlock_begin(void);

/*
 * Grants rights to everything below a folder, or to one file: an open one, or the one at path,
 * with flags added to those of open(). Returns false, and grants nothing, if it is not there.
 */
bool landlock_allow_fd(int rules, int fd, uint64_t rights);
bool landlock_allow(int rules, const char *path, int flags, uint64_t rights);

/* Allows connecting to a TCP port. Returns false where the kernel cannot forbid it either. */
bool landlock_allow_port(int rules, int port);

/*
 * Restricts this thread, and those that it starts, to opening, making and removing what the
 * rules allow. From Linux 6.12 on, they also cannot signal other processes or connect to
 * sockets without a path. Closes rules. Returns false with errno if nothing is restricted.
 */
bool landlock_end(int rules);

#endif
