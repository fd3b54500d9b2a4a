#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "util/blocking.h"
#include "util/log.h"
#include "util/secret.h"

/* Left to the rest of the process: two descriptors for each thread, and others. */
#define SPARE_DESCRIPTORS (2 * CONFIG_THREADS_MAX + 64)
#define CONNECTION_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

/* The next step for a connection: let it rest, answer its request, close it. */
enum look { LOOK_WAIT, LOOK_REQUEST, LOOK_CLOSE };

/* Frees the entry of a connection that ends; its descriptor may soon be another connection's. */
static void
forget(struct connections *all, int fd)
{
	struct connection *c = &all->of[fd];

	buf_free(&c->saved);
	atomic_fetch_sub(&all->count, 1);
	atomic_store(&c->state, CONNECTION_FREE);
}

static void
connection_close(struct connections *all, int fd)
{
	forget(all, fd);
	close(fd);
}

static int
watch(const struct connections *all, int fd, int how)
{
	const struct connection *c = &all->of[fd];
	struct epoll_event event = {.events = CONNECTION_EVENTS, .data.fd = fd};

	if (c->full)
		event.events |= EPOLLOUT;
	return epoll_ctl(all->epoll_fd, how, fd, &event);
}

/*
 * Whether the socket takes one more response without blocking. A web server reads each response
 * before it sends another request; no thread waits for a peer that does not.
 */
static bool
connection_has_room(struct connections *all, int fd)
{
	struct connection *c = &all->of[fd];
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	bool full;

	if (c->unread < CONNECTION_UNREAD_MAX)
		return true;
	full = poll(&p, 1, 0) == 0;
	if (!full)
		c->unread = 0;
	if (full != c->full) {
		c->full = full;
		if (c->registered)
			watch(all, fd, EPOLL_CTL_MOD);
	}
	return !full;
}

/* Takes a connection. If another thread has it, makes that thread look again. */
static bool
take(struct connection *c)
{
	int state = atomic_load(&c->state);

	for (;;) {
		if (state != CONNECTION_RESTING && state != CONNECTION_BUSY)
			return false;
		if (atomic_compare_exchange_weak(
			&c->state, &state,
			state == CONNECTION_RESTING ? CONNECTION_BUSY : CONNECTION_BUSY_AGAIN))
			return state == CONNECTION_RESTING;
	}
}

/* Returns false if an event came since the thread took the connection: it must look again. */
static bool
let_rest(struct connection *c)
{
	int busy = CONNECTION_BUSY;

	if (atomic_compare_exchange_strong(&c->state, &busy, CONNECTION_RESTING))
		return true;
	atomic_store(&c->state, CONNECTION_BUSY);
	return false;
}

/* Does the same for one that may not be in the epoll set yet. True also if it had to close it. */
static bool
connection_rest(struct connections *all, int fd)
{
	const struct timeval limit = {.tv_sec = CONNECTION_SEND_SECONDS};
	struct connection *c = &all->of[fd];

	if (!c->registered) {
		/*
		 * The first request is read only when it is there, and its response always fits
		 * into the socket. From the second on, a peer that never reads could block us:
		 * hence the limits.
		 */
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
		    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
		    watch(all, fd, EPOLL_CTL_ADD) != 0) {
			connection_close(all, fd);
			return true;
		}
		c->registered = true;
	}
	return let_rest(c);
}

bool
connection_evict(struct connections *all)
{
	char byte;

	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		unsigned fd = (unsigned)atomic_fetch_add(&all->hand, 1) % CONNECTIONS_MAX;
		int resting = CONNECTION_RESTING;

		if (!atomic_compare_exchange_strong(&all->of[fd].state, &resting, CONNECTION_BUSY))
			continue;
		if (recv((int)fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 || all->of[fd].draining ||
		    all->of[fd].full) {
			connection_close(all, (int)fd);
			return true;
		}
		/* it has a request, whose event may have come meanwhile: make it come again */
		atomic_store(&all->of[fd].state, CONNECTION_RESTING);
		watch(all, (int)fd, EPOLL_CTL_MOD);
	}
	return false;
}

/* Logs malformed bytes, as a warning only once: a peer could repeat them for ever. */
static enum look
refuse(const char *message)
{
	static atomic_int said;

	log_event(atomic_exchange(&said, 1) == 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "fastcgi",
		  "message", message, NULL);
	return LOOK_CLOSE;
}

static void
bytes_wipe(struct server *server)
{
	secret_wipe(server->bytes, server->len);
	server->len = 0;
}

/* Moves what was received to c->saved, where it waits for the rest. False: no memory. */
static bool
save(struct server *server, struct connection *c)
{
	bool ok = buf_add(&c->saved, server->bytes, server->len) == ERR_OK;

	bytes_wipe(server);
	return ok;
}

/* Appends what has arrived to c->saved and checks all of it. */
static enum look
look_saved(struct server *server, struct connection *c, int fd)
{
	bool ended = false, failed = false;

	while (!ended && !failed && c->saved.len < CONNECTION_REQUEST_MAX) {
		size_t room = CONNECTION_REQUEST_MAX - c->saved.len;
		ssize_t n =
		    recv(fd, server->bytes,
			 room < CONNECTION_BYTES_MAX ? room : CONNECTION_BYTES_MAX, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n > 0) {
			server->len = (size_t)n;
			failed = !save(server, c);
		}
		ended = n == 0;
		failed = failed || (n < 0 && errno != EINTR);
	}
	if (failed)
		return LOOK_CLOSE;
	switch (record_read(&c->record, (const unsigned char *)buf_text(&c->saved), c->saved.len)) {
	case RECORD_WHOLE:
		return LOOK_REQUEST;
	case RECORD_BAD:
		return refuse("not a FastCGI request");
	case RECORD_PARTIAL:
		break;
	}
	if (ended)
		return LOOK_CLOSE;
	if (c->saved.len < CONNECTION_REQUEST_MAX)
		return LOOK_WAIT;
	/* longer than any body that we take; the meta-variables alone decide the response */
	return c->record.params_done ? LOOK_REQUEST : refuse("too many meta-variables");
}

/* Discards what arrives after the response to a request that was too long. */
static enum look
look_drain(struct server *server, struct connection *c, int fd)
{
	while (c->drained < CONNECTION_DRAIN_MAX) {
		ssize_t n = recv(fd, server->bytes, CONNECTION_BYTES_MAX, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return LOOK_WAIT;
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n > 0) {
			secret_wipe(server->bytes, (size_t)n);
			c->drained += (size_t)n;
		}
	}
	return LOOK_CLOSE;
}

/*
 * Receives what is there. Exactly one whole request stays in server->bytes; anything else is
 * saved until the rest arrives, or until the request before it is answered.
 */
static enum look
connection_look(struct server *server, struct connection *c, int fd)
{
	ssize_t n;

	if (c->draining)
		return look_drain(server, c, fd);
	if (c->saved.len > 0)
		return look_saved(server, c, fd);
	do
		n = recv(fd, server->bytes, CONNECTION_BYTES_MAX, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? LOOK_WAIT : LOOK_CLOSE;
	server->len = (size_t)n;
	c->record = (struct record){.at = 0};
	if (record_read(&c->record, server->bytes, server->len) == RECORD_WHOLE &&
	    c->record.at == server->len)
		return LOOK_REQUEST;
	c->record = (struct record){.at = 0};
	return save(server, c) ? look_saved(server, c, fd) : LOOK_CLOSE;
}

/* Reads the body of the request, as far as record_read() has checked it. */
static int
body_read(void *ctx, char *data, size_t len)
{
	struct server *server = ctx;
	size_t n;

	if (len > server->body_left)
		len = server->body_left;
	if (len == 0)
		return 0;
	n = libfcgi_read(&server->fcgx, data, len);
	server->body_left -= n;
	return n == 0 ? -1 : (int)n;
}

/* Answers the request that libfcgi has begun. False: the connection must be closed. */
static bool
answer(struct server *server, struct connection *c)
{
	const struct connection_handler *handler = server->handler;
	bool ok, keep = false;
	struct response *response = &server->response;
	struct buf *out = &server->out;
	struct request request;

	cgi_request(&server->meta, server->fcgx.envp, &request);
	server->body_left = c->record.body_len;
	request.read = body_read;
	request.read_ctx = server;
	handler->handle(handler->ctx, &request, response);
	secret_wipe(server->meta.cookie, server->meta.cookie_len);
	ok = cgi_response(response, out) == ERR_OK;
	if (out->len > CONNECTION_UNREAD_MAX) /* may block until the peer reads */
		blocking_begin();
	if (ok)
		ok = libfcgi_finish(&server->fcgx, out->data, out->len, &keep);
	else
		libfcgi_drop(&server->fcgx);
	c->unread += out->len + CONNECTION_ANSWER_COST;
	buf_clear(out);
	response_start(response, 200);
	return ok && keep;
}

/* Removes the answered request from what was saved. */
static bool
saved_next(struct connection *c, bool whole)
{
	struct buf rest;
	enum err err;

	buf_init(&rest, CONNECTION_REQUEST_MAX);
	err = whole ? buf_add(&rest, c->saved.data + c->record.at, c->saved.len - c->record.at)
		    : ERR_OK;
	buf_free(&c->saved);
	c->saved = rest;
	c->record = (struct record){.at = 0};
	return err == ERR_OK;
}

/* Answers the request that has arrived. False: the connection was closed. */
static bool
connection_serve(struct server *server, struct connection *c, int fd)
{
	bool saved = c->saved.len > 0, whole, keep;

	whole = !saved || record_read(&c->record, (const unsigned char *)c->saved.data,
				      c->saved.len) == RECORD_WHOLE;
	if (!libfcgi_begin(&server->fcgx, fd, saved ? (const void *)c->saved.data : server->bytes,
			   whole ? c->record.at : c->saved.len)) {
		bytes_wipe(server);
		forget(server->all, fd);
		return false;
	}
	keep = answer(server, c);
	bytes_wipe(server);
	if (saved && !saved_next(c, whole))
		keep = false;
	if (!whole && shutdown(fd, SHUT_WR) == 0) {
		c->draining = true;
		return true;
	}
	if (!keep)
		connection_close(server->all, fd);
	return keep;
}

void
connection_run(struct server *server, int fd)
{
	struct connections *all = server->all;
	struct connection *c = &all->of[fd];

	/* each further request came later: earlier checks do not count for it */
	for (;; blocking_over()) {
		switch (connection_look(server, c, fd)) {
		case LOOK_CLOSE:
			connection_close(all, fd);
			return;
		case LOOK_REQUEST:
			if (!connection_has_room(all, fd)) {
				if (save(server, c))
					break;
				connection_close(all, fd);
				return;
			}
			if (!connection_serve(server, c, fd))
				return;
			if (c->saved.len > 0 || c->draining)
				continue;
			break;
		case LOOK_WAIT:
			break;
		}
		if (connection_rest(all, fd))
			return;
	}
}

void
connection_event(struct server *server, int fd)
{
	if (take(&server->all->of[fd]))
		connection_run(server, fd);
}

void
connection_again(struct connections *all, int fd)
{
	struct connection *c = &all->of[fd];

	if (!take(c))
		return;
	do
		(void)watch(all, fd, EPOLL_CTL_MOD);
	while (!let_rest(c));
}

void
connection_server_init(struct server *server, struct connections *all,
		       const struct connection_handler *handler)
{
	*server = (struct server){.all = all, .handler = handler};
	response_init(&server->response);
	buf_init(&server->out, CGI_BYTES_MAX);
	libfcgi_ready(&server->fcgx);
}

void
connection_server_free(struct server *server)
{
	response_free(&server->response);
	buf_free(&server->out);
}

void
connection_open(struct connections *all, int fd)
{
	struct connection *c = &all->of[fd];
	int state = CONNECTION_FREE;

	/* if a read fails, libfcgi closes the descriptor before that thread frees the entry */
	while (!atomic_compare_exchange_weak(&c->state, &state, CONNECTION_BUSY)) {
		sched_yield();
		state = CONNECTION_FREE;
	}
	c->registered = c->draining = c->full = false;
	c->drained = c->unread = 0;
	buf_init(&c->saved, CONNECTION_REQUEST_MAX);
	if (atomic_fetch_add(&all->count, 1) >= CONNECTIONS_MAX - SPARE_DESCRIPTORS)
		connection_evict(all);
}

void
connection_close_all(struct connections *all)
{
	for (int fd = 0; fd < CONNECTIONS_MAX; fd++)
		if (atomic_load(&all->of[fd].state) != CONNECTION_FREE)
			connection_close(all, fd);
}
