/*
 * What the process may still ask of the kernel: what answering a request takes, and
 * nothing else. Any other system call ends it at once (seccomp); a file at any other
 * place cannot be opened (Landlock). The system calls stand in
 * sandbox_policy.c, with the reason for each.
 *
 * A build with NO_SANDBOX has only sandbox_prepare(), and lets debuggers look:
 * sanitizers and profilers open files of their own.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "config/config.h"

enum sandbox_stage {
	SANDBOX_CGI_EARLY, /* libcurl may still be loaded */
	SANDBOX_CGI_LATE,
	SANDBOX_WORKER, /* has all it needs, and starts threads */
	SANDBOX_STAGES
};

/* What --version says of it. */
#ifdef NO_SANDBOX
#define SANDBOX_BUILT ", built without its sandbox"
#else
#define SANDBOX_BUILT ""
#endif

/*
 * The first thing in both programs, whatever they go on to do: no memory of
 * ours in a core file or for a debugger, no more rights by running another program,
 * nothing made that others could read.
 */
void sandbox_prepare(void);

/*
 * Enters a stage, never to leave it; threads that are started from here on are in
 * it too. A kernel that cannot do it is told to the log, and no error: in
 * odd containers there would be no program at all. For SANDBOX_CGI_LATE, which follows
 * EARLY, only stage and config are looked at.
 *
 *   config         where the store and the passwords are; NULL: no file at all. A store behind
 *                  a TCP port is the only one that sockets beyond this machine are allowed for
 *   unlink_folder  an open folder in which files are removed at the end, or -1
 */
void sandbox_enter(enum sandbox_stage stage, const struct config *config, int unlink_folder);

#endif
