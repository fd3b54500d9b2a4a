#include "doctor/check_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/provider.h"
#include "util/buf.h"

#define PORT_MS	      2000
#define SOCKET_MS     5000
#define OFTEN_TAKEN   8080 /* by programs that have nothing to do with opencode */
#define ADDRESSES_MAX 4
#define PORTS	      (1 + PROVIDER_PORTS_MAX) /* opencode's own comes first */
#define TRIES_MAX     (ADDRESSES_MAX * PORTS)

/* Writes the socket's path, with the port in place of %p. False: too long. */
static bool
socket_path(const struct config_opencode *o, char path[108])
{
	const char *percent = strstr(o->socket, "%p");
	int len = percent == NULL ? snprintf(path, 108, "%s", o->socket)
				  : snprintf(path, 108, "%.*s%d%s", (int)(percent - o->socket),
					     o->socket, o->port, percent + 2);

	return len > 0 && len < 108;
}

/* Whether the socket's folder exists on this machine. */
static bool
folder_exists(const char *path)
{
	char folder[108];
	struct stat st;

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	return stat(folder, &st) == 0;
}

static enum verdict
ask_socket(struct examination *d, const char *path)
{
	struct call call = {.socket_path = path,
			    .method = "GET",
			    .host = "opencode",
			    .target = "/global/health",
			    .timeout_ms = SOCKET_MS};
	struct call_reply reply;
	enum err err = call_send(&call, &reply);
	int status = reply.status;

	call_reply_free(&reply);
	if (err == ERR_OK && (status == 200 || status == 401))
		return examination_say(d, VERDICT_OK, "opencode answers on %s", path);
	if (err == ERR_OK)
		return examination_say(d, VERDICT_FAILED, "%s: status %d, not opencode's", path,
				       status);
	return examination_say(d, VERDICT_FAILED, "%s: %s", path, error_title(err));
}

enum verdict
check_machine_socket(struct examination *d)
{
	char path[108];
	struct stat st;

	if (!socket_path(d->opencode, path))
		return examination_say(d, VERDICT_FAILED, "[opencode] socket is too long");
	if (lstat(path, &st) != 0 && errno == ENOENT && folder_exists(path))
		return examination_say(d, VERDICT_FAILED, "%s is not there", path);
	if (lstat(path, &st) != 0 || access(path, R_OK | W_OK) != 0)
		return examination_say(d, VERDICT_SKIPPED,
				       "%s cannot be looked at from here: health "
				       "speaks for it",
				       path);
	if (!S_ISSOCK(st.st_mode))
		return examination_say(d, VERDICT_FAILED, "%s is no socket", path);
	return ask_socket(d, path);
}

/* Connection attempts, all at once. */
struct tries {
	struct pollfd fd[TRIES_MAX];
	int port[TRIES_MAX];
	bool accepted[TRIES_MAX];
	nfds_t count;
	nfds_t open; /* still in progress */
};

static void
try_begin(struct tries *t, const struct addrinfo *to, int port)
{
	struct sockaddr_storage address;
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	memcpy(&address, to->ai_addr, to->ai_addrlen);
	if (to->ai_family == AF_INET6)
		((struct sockaddr_in6 *)&address)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)&address)->sin_port = htons((uint16_t)port);
	if (connect(fd, (struct sockaddr *)&address, to->ai_addrlen) != 0 && errno != EINPROGRESS) {
		close(fd);
		return;
	}
	t->fd[t->count] = (struct pollfd){.fd = fd, .events = POLLOUT};
	t->port[t->count++] = port;
	t->open++;
}

/* Records the attempts that have ended. */
static void
tries_look(struct tries *t)
{
	for (nfds_t i = 0; i < t->count; i++) {
		int error = 0;
		socklen_t len = sizeof(error);

		if (t->fd[i].fd < 0 || t->fd[i].revents == 0)
			continue;
		t->accepted[i] =
		    getsockopt(t->fd[i].fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
		close(t->fd[i].fd);
		t->fd[i].fd = -1;
		t->open--;
	}
}

/* Waits at most PORT_MS in all: attempts that a firewall drops never end by themselves. */
static void
tries_wait(struct examination *d, struct tries *t)
{
	const int start = examination_left(d);
	int left;

	while (t->open > 0 && (left = PORT_MS - (start - examination_left(d))) > 0) {
		if (poll(t->fd, t->count, left) <= 0)
			break;
		tries_look(t);
	}
	for (nfds_t i = 0; i < t->count; i++)
		if (t->fd[i].fd >= 0)
			close(t->fd[i].fd);
}

/* Returns the port that matters most of those that accepted, 0 if none did. */
static int
tries_worst(const struct tries *t)
{
	int port = 0;

	for (nfds_t i = 0; i < t->count; i++)
		if (t->accepted[i] && (port == 0 || port == OFTEN_TAKEN))
			port = t->port[i];
	return port;
}

static enum verdict
say_open(struct examination *d, int port)
{
	if (port == d->opencode->port)
		return examination_say(
		    d, VERDICT_FAILED,
		    "port %d is open: opencode itself, past the web server and its TLS", port);
	if (port == OFTEN_TAKEN) {
		examination_advise(d, "if that is opencode, close the port to the outside");
		return examination_say(d, VERDICT_WARNING,
				       "port 8080 is open: GitLab's sign-in needs it "
				       "on the server's loopback");
	}
	return examination_say(d, VERDICT_FAILED,
			       "port %d is open: any junk sent there ends a pending sign-in", port);
}

static enum verdict
say_closed(struct examination *d, const int ports[], size_t count)
{
	struct buf list;
	enum verdict verdict;

	buf_init(&list, EXAMINATION_TEXT_MAX);
	for (size_t i = 0; i < count; i++)
		buf_printf(&list, "%s%d", i == 0 ? "" : ", ", ports[i]);
	verdict = examination_say(d, VERDICT_OK, "%s are closed, seen from here", buf_text(&list));
	buf_free(&list);
	return verdict;
}

enum verdict
check_machine_ports(struct examination *d)
{
	int ports[PORTS] = {d->opencode->port};
	size_t count = 1 + provider_ports(ports + 1);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
	struct tries t = {.count = 0};
	char name[ORIGIN_MAX + 1];
	size_t len = strlen(d->host), addresses = 0;
	int port;

	if (d->loopback)
		return examination_say(d, VERDICT_SKIPPED, "this is no public address");
	/* getaddrinfo() takes IPv6 without brackets */
	snprintf(name, sizeof(name), "%.*s", (int)(d->host[0] == '[' ? len - 2 : len),
		 d->host + (d->host[0] == '['));
	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return examination_say(d, VERDICT_SKIPPED, "the name leads nowhere");
	for (struct addrinfo *a = list; a != NULL && addresses < ADDRESSES_MAX;
	     a = a->ai_next, addresses++)
		for (size_t i = 0; i < count; i++)
			if (ports[i] != d->port)
				try_begin(&t, a, ports[i]);
	freeaddrinfo(list);
	tries_wait(d, &t);
	if ((port = tries_worst(&t)) != 0)
		return say_open(d, port);
	return say_closed(d, ports, count);
}
