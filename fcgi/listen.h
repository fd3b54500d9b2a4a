/*
 * The socket on which web servers reach the worker: a Unix socket of our own,
 * or one that was handed to the process.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <sys/types.h>

#include "util/error.h"

#define LISTEN_MODE_DEFAULT 0660
#define LISTEN_MESSAGE_MAX  512

struct listen {
	int fd;		  /* listening; close-on-exec unless it is 0 */
	const char *path; /* of a socket of our own, else NULL; the caller's string */
	int folder;	  /* that it is in, open for its removal; -1 */
	dev_t dev;	  /* which file that is, so that no other is ever removed */
	ino_t ino;
};

/*
 * With a path: makes a Unix socket there, with exactly this mode. A dead socket
 * in its place is replaced; a live one, or anything else, is refused. Without:
 * takes the socket of LISTEN_FDS (sd_listen_fds(3)), else descriptor 0 if it
 * listens. On ERR_CONFIG, message says what is wrong.
 */
enum err listen_open(struct listen *l, const char *path, mode_t mode,
		     char message[LISTEN_MESSAGE_MAX]) MUST_CHECK;

/* Removes our own socket's name, so that nobody new connects; it goes on listening. */
void listen_unlink(struct listen *l);

/* Closes it. */
void listen_close(struct listen *l);

#endif
