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

/* Whether opencode's plugin makes the socket; with %p, other programs make one for each port. */
static bool
plugin_expected(const struct examination *d)
{
	return strstr(d->opencode->socket, "%p") == NULL;
}

/* Whether opencode says that it has loaded our plugin. Only opencode 2 says what it has loaded. */
static bool
plugin_listed(struct examination *d)
{
	struct probe_call call = {.target = "/api/plugin"};
	struct probe v;
	bool listed;

	if (d->generation != GENERATION_2 || !d->let_in)
		return false;
	examination_login(d, &call);
	examination_probe(d, call, &v);
	listed = probe_status(&v) == 200 && probe_says(&v, "\"opencode-callback\"");
	probe_free(&v);
	return listed;
}

/* Says why nobody answers on the socket. what: the path, and what is wrong with it. */
static enum verdict
say_no_socket(struct examination *d, const char *what)
{
	struct generation_look look = {.found = GENERATION_UNKNOWN};
	const struct generation_terms *terms;
	char origin[32];

	snprintf(origin, sizeof(origin), "http://127.0.0.1:%d", d->opencode->port);
	if (plugin_expected(d))
		look = examination_ask_generation(d, origin, false, NULL);
	if (look.found == GENERATION_UNKNOWN && !look.challenged)
		return examination_say(d, VERDICT_FAILED, "%s", what);
	if (plugin_listed(d)) {
		examination_advise(d, "OPENCODE_CALLBACK_SOCKET in opencode's environment must be "
				      "[opencode] socket, and opencode's user be a member of the "
				      "group opencode-callback; its log says why");
		return examination_say(d, VERDICT_FAILED, "opencode has loaded our plugin, but %s",
				       what);
	}
	terms = generation_terms(look.found == GENERATION_UNKNOWN ? d->generation : look.found);
	examination_advise(d,
			   "opencode.json: %s%s; then restart opencode, and ask it something once: "
			   "it loads plugins at the first request",
			   terms->setting, terms->remark);
	return examination_say(d, VERDICT_FAILED, "%s runs on port %d without our plugin: %s",
			       terms->name, d->opencode->port, what);
}

static enum err
ask_socket(const char *path, const char *host, const char *target, struct call_reply *reply)
{
	struct call call = {.socket_path = path,
			    .method = "GET",
			    .host = host,
			    .target = target,
			    .timeout_ms = SOCKET_MS};

	return call_send(&call, reply);
}

/* Checks that the plugin is ours of this version: older ones refuse this request. */
static enum verdict
check_plugin(struct examination *d, const char *path)
{
	struct call_reply reply;
	enum err err = ask_socket(path, "plugin", "/listeners", &reply);
	bool old = err == ERR_OK && reply.status == 403;

	call_reply_free(&reply);
	if (!old)
		return examination_say(d, VERDICT_OK, "opencode answers on %s", path);
	examination_advise(d, "update the plugin to this version's, then restart opencode");
	return examination_say(d, VERDICT_WARNING,
			       "%s: opencode has loaded an older plugin of ours", path);
}

static enum verdict
examine_socket(struct examination *d, const char *path)
{
	struct generation_look look = {.found = GENERATION_UNKNOWN};
	char what[200];
	int status = 0;

	for (size_t i = 0;
	     generation_paths[i] != NULL && look.found == GENERATION_UNKNOWN && !look.challenged;
	     i++) {
		struct call_reply reply;
		enum err err = ask_socket(path, "opencode", generation_paths[i], &reply);

		if (err == ERR_OK)
			generation_read(&look, generation_paths[i], status = reply.status,
					&reply.body);
		call_reply_free(&reply);
		if (err == ERR_OK)
			continue;
		snprintf(what, sizeof(what), "%s: %s", path, error_title(err));
		return err == ERR_OPENCODE_DOWN ? say_no_socket(d, what)
						: examination_say(d, VERDICT_FAILED, "%s", what);
	}
	if (look.found == GENERATION_UNKNOWN && !look.challenged)
		return examination_say(d, VERDICT_FAILED, "%s: status %d, not opencode's", path,
				       status);
	if (plugin_expected(d))
		return check_plugin(d, path);
	return examination_say(d, VERDICT_OK, "opencode answers on %s", path);
}

enum verdict
check_machine_socket(struct examination *d)
{
	char path[108], what[200];
	struct stat st;

	if (!socket_path(d->opencode, path))
		return examination_say(d, VERDICT_FAILED, "[opencode] socket is too long");
	if (lstat(path, &st) != 0 && errno == ENOENT && folder_exists(path)) {
		snprintf(what, sizeof(what), "%s is not there", path);
		return say_no_socket(d, what);
	}
	if (lstat(path, &st) != 0 || access(path, R_OK | W_OK) != 0)
		return examination_say(d, VERDICT_SKIPPED,
				       "%s cannot be looked at from here: health "
				       "speaks for it",
				       path);
	if (!S_ISSOCK(st.st_mode))
		return examination_say(d, VERDICT_FAILED, "%s is no socket", path);
	return examine_socket(d, path);
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
