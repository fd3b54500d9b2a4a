/*
 * The socket on which web servers reach the worker: a Unix socket that we make, or one that
 * the process inherits.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <sys/types.h>

#include "util/error.h"

#define LISTEN_MODE_DEFAULT 0660
#define LISTEN_MESSAGE_MAX  512

struct listen {
	int fd;		  /* listening; close-on-exec unless it is 0 */
	const char *path; /* of a socket that we made, else NULL; the caller's string */
	int folder;	  /* the folder of path, open so that path can be removed; or -1 */
	dev_t dev;	  /* identify the file at path, so that no other is ever removed */
	ino_t ino;
};

/*
 * Opens the socket. With a path: makes a Unix socket there, with exactly this mode; replaces a
 * dead socket, and refuses to replace a live one or anything else. With path NULL: takes the
 * socket of LISTEN_FDS (sd_listen_fds(3)), else descriptor 0 if it listens. On ERR_CONFIG,
 * message says what is wrong.
 */
enum err listen_open(struct listen *l, const char *path, mode_t mode,
		     char message[LISTEN_MESSAGE_MAX]) MUST_CHECK;

/* Removes the path of a socket that we made, so that nobody new connects; it still listens. */
void listen_unlink(struct listen *l);

/* Closes the socket. */
void listen_close(struct listen *l);

#endif
