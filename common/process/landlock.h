/*
 * Which files the process may still open, by their place: Landlock, where the
 * kernel has it (5.13). What is open already stays open.
 */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* What a rule allows, by the kernel's numbers; of a file only the first three. */
#define LANDLOCK_WRITE	     UINT64_C(0x0002)
#define LANDLOCK_READ	     UINT64_C(0x0004)
#define LANDLOCK_TRUNCATE    UINT64_C(0x4000)
#define LANDLOCK_OPEN_FOLDER UINT64_C(0x0008)
#define LANDLOCK_UNLINK	     UINT64_C(0x0020)
#define LANDLOCK_MAKE_FILE   UINT64_C(0x0100)
#define LANDLOCK_MAKE_LINK   UINT64_C(0x1000) /* symbolic */

/* Starts a set of rules; -1 if there is no Landlock, with errno. */
int landlock_begin(void);

/*
 * Allows something below a folder, or for one file, that is open or that a path
 * leads to; flags are more of open(). False, and nothing allowed, if it is not there.
 */
bool landlock_allow_fd(int rules, int fd, uint64_t rights);
bool landlock_allow(int rules, const char *path, int flags, uint64_t rights);

/* Allows connecting to a TCP port. False where that is not forbidden either. */
bool landlock_allow_port(int rules, int port);

/*
 * From here on only what the rules allow can be opened, made or removed by this thread
 * and those that it starts; no signal reaches another process, no connection a
 * socket without a path. Closes rules. False: none of that, with errno.
 */
bool landlock_end(int rules);

#endif
