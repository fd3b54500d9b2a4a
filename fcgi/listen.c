#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FD_FIRST 3 /* SD_LISTEN_FDS_START */

static enum err
fail(char message[LISTEN_MESSAGE_MAX], const char *what, const char *why)
{
	snprintf(message, LISTEN_MESSAGE_MAX, "%s: %s", what, why);
	return ERR_CONFIG;
}

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

/* Opens the folder of a path, as a descriptor for fstatat() and unlinkat(). */
static int
open_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	const char *slash = strrchr(path, '/');

	if (slash != NULL)
		snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
			 path);
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static const char *
name_in_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Whether a process listens at address. */
static bool
is_live(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool live;

	if (fd == -1)
		return true;
	/* EAGAIN: its queue is full, so it is live; one that refuses us access counts as live */
	live = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	       errno != ECONNREFUSED;
	close(fd);
	return live;
}

/* Removes a dead socket at path. */
static enum err
clear_path(const struct sockaddr_un *address, char message[LISTEN_MESSAGE_MAX])
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? ERR_OK : fail(message, path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(message, path, "is there already and is not a socket");
	if (is_live(address))
		return fail(message, path, "another process answers on this socket");
	if (unlink(path) != 0 && errno != ENOENT)
		return fail(message, path, strerror(errno));
	return ERR_OK;
}

static enum err
open_path(struct listen *l, const char *path, mode_t mode, char message[LISTEN_MESSAGE_MAX])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	enum err err;
	int bound;

	if (*path == '\0' || strlen(path) >= sizeof(address.sun_path))
		return fail(message, path, "a socket's path has 1 to 107 bytes");
	memcpy(address.sun_path, path, strlen(path));
	if ((err = clear_path(&address, message)) != ERR_OK)
		return err;
	if ((l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return fail(message, path, strerror(errno));
	mask = umask(0777 & ~mode);
	bound = bind(l->fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound != 0 || lstat(path, &st) != 0 || (l->folder = open_folder(path)) == -1)
		return fail(message, path, strerror(errno));
	l->path = path;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	if (listen(l->fd, SOMAXCONN) != 0)
		return fail(message, path, strerror(errno));
	return ERR_OK;
}

/* Takes the socket that systemd, or a program with its protocol, passed to us. False: none. */
static bool
open_handed(struct listen *l)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	char self[16];

	snprintf(self, sizeof(self), "%ld", (long)getpid());
	if (pid == NULL || count == NULL || strcmp(pid, self) != 0 || strcmp(count, "1") != 0 ||
	    !is_listening(LISTEN_FD_FIRST))
		return false;
	l->fd = LISTEN_FD_FIRST;
	fcntl(l->fd, F_SETFD, FD_CLOEXEC);
	return true;
}

enum err
listen_open(struct listen *l, const char *path, mode_t mode, char message[LISTEN_MESSAGE_MAX])
{
	enum err err = ERR_OK;

	*l = (struct listen){.fd = -1, .folder = -1};
	if (path != NULL) {
		if ((err = open_path(l, path, mode, message)) != ERR_OK) {
			listen_unlink(l);
			listen_close(l);
		}
		return err;
	}
	if (open_handed(l))
		return ERR_OK;
	if (!is_listening(STDIN_FILENO)) {
		snprintf(
		    message, LISTEN_MESSAGE_MAX,
		    "no socket to listen on: give one with -s PATH or [worker] socket, or start "
		    "this program with one as descriptor 0 or in LISTEN_FDS");
		return ERR_CONFIG;
	}
	l->fd = STDIN_FILENO;
	return ERR_OK;
}

void
listen_unlink(struct listen *l)
{
	struct stat st;

	if (l->path != NULL &&
	    fstatat(l->folder, name_in_folder(l->path), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlinkat(l->folder, name_in_folder(l->path), 0);
	l->path = NULL;
}

void
listen_close(struct listen *l)
{
	if (l->fd != -1)
		close(l->fd);
	if (l->folder != -1)
		close(l->folder);
	l->fd = l->folder = -1;
}
