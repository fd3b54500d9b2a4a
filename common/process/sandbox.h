/*
 * Restricts the process to what answering a request takes. Any other system call ends it at
 * once (seccomp); files outside the places that this takes cannot be opened (Landlock).
 * sandbox_policy.c lists the system calls, with the reason for each.
 *
 * A build with NO_SANDBOX does only what sandbox_prepare() does, and allows debuggers:
 * sanitizers and profilers open files of their own.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "config/config.h"

enum sandbox_stage {
	SANDBOX_CGI_EARLY, /* libcurl may still be loaded */
	SANDBOX_CGI_LATE,
	SANDBOX_WORKER, /* everything is loaded; threads may start */
	SANDBOX_STAGES
};

/* Follows the version that --version prints. */
#ifdef NO_SANDBOX
#define SANDBOX_BUILT ", built without its sandbox"
#else
#define SANDBOX_BUILT ""
#endif

/*
 * Must be called first in both programs. Keeps the process's memory out of core files and
 * from debuggers, prevents it from gaining rights by running another program, and makes new
 * files accessible to their owner only.
 */
void sandbox_prepare(void);

/*
 * Enters a stage for good; threads that start later are in it too. A kernel that cannot do it
 * is logged, but is no error: the program must also run in unusual containers.
 * SANDBOX_CGI_LATE, which follows SANDBOX_CGI_EARLY, uses only stage and config.
 *
 *   config         says where the store and the passwords are; NULL: neither may be opened.
 *                  Sockets beyond this machine are allowed only for a store behind a TCP port
 *   unlink_folder  an open folder in which files are removed at the end, or -1
 */
void sandbox_enter(enum sandbox_stage stage, const struct config *config, int unlink_folder);

#endif
