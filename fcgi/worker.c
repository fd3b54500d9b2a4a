#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "conn.h"
#include "frame.h"
#include "log.h"
#include "meta.h"

#define PEEK_MAX    16384 /* most requests are here at once and shorter than this */
#define FULL_MS	    100	  /* out of descriptors: how soon accepting is tried again */
#define NEWCOMER_MS 100	  /* at the end: how long a fresh connection may take to ask */

#define CONNECTION_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

/*
 * Who has a connection. One that is busy is its thread's alone; an event that
 * comes meanwhile is remembered. Slots outlive their connections, so a late
 * event for a descriptor that is another connection by now does no harm.
 */
enum { FREE, RESTING, BUSY, BUSY_AGAIN };

struct slot {
	atomic_int state;
	bool registered;    /* in the epoll set */
	bool draining;	    /* answered; what still comes is thrown away */
	size_t drained;	    /* bytes of it */
	struct frame frame; /* of the request being received */
	struct buf saved;   /* what was received of it, unless all was there at once */
};

struct worker {
	struct worker_config config;
	int epoll_fd;
	int stop_fd;	  /* readable from worker_stop() on */
	bool inet;	  /* TCP, not a Unix socket */
	atomic_int full;  /* accepting has stopped for want of descriptors */
	atomic_int count; /* connections */
	atomic_int hand;  /* the slot that is looked at next for one to close */
	atomic_int stopping;
	int64_t stop_by;
	int running;
	pthread_t threads[WORKER_THREADS_MAX];
	struct slot slots[WORKER_CONNECTIONS_MAX];
};

struct thread {
	struct worker *worker;
	FCGX_Request fcgx;
	struct meta meta;
	size_t body_left; /* bytes of the body that the guard has seen */
	int memory_fd;	  /* a file in memory for requests that came in pieces, or -1 */
	unsigned char peek[PEEK_MAX];
};

/* What is to be done with a connection: let it rest, answer its request, close it. */
enum look { LOOK_WAIT, LOOK_REQUEST, LOOK_CLOSE };

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
listen_again(struct worker *w)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};

	event.data.fd = w->config.listen_fd;
	epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, w->config.listen_fd, &event);
}

/* Forgets a connection that was closed. From now on its descriptor may be another one's. */
static void
slot_free(struct worker *w, int fd)
{
	struct slot *s = &w->slots[fd];

	buf_free(&s->saved);
	atomic_fetch_sub(&w->count, 1);
	atomic_store(&s->state, FREE);
	if (atomic_exchange(&w->full, 0) != 0)
		listen_again(w);
}

static void
connection_close(struct worker *w, int fd)
{
	close(fd);
	slot_free(w, fd);
}

/* False if something happened since the thread took the connection: it must look again. */
static bool
connection_rest(struct worker *w, int fd)
{
	struct slot *s = &w->slots[fd];
	struct epoll_event event = {.events = CONNECTION_EVENTS, .data.fd = fd};
	int busy = BUSY;

	if (!s->registered) {
		if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
			connection_close(w, fd);
			return true;
		}
		s->registered = true;
	}
	if (atomic_compare_exchange_strong(&s->state, &busy, RESTING))
		return true;
	atomic_store(&s->state, BUSY);
	return false;
}

/* Closes a resting connection that asks for nothing. False if there is none. */
static bool
connection_evict(struct worker *w)
{
	struct epoll_event event = {.events = CONNECTION_EVENTS};
	char byte;

	for (int i = 0; i < WORKER_CONNECTIONS_MAX; i++) {
		unsigned fd = (unsigned)atomic_fetch_add(&w->hand, 1) % WORKER_CONNECTIONS_MAX;
		int resting = RESTING;

		if (!atomic_compare_exchange_strong(&w->slots[fd].state, &resting, BUSY))
			continue;
		if (recv((int)fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 || w->slots[fd].draining) {
			connection_close(w, (int)fd);
			return true;
		}
		/* it does: its event may have come and gone meanwhile, so ask for another */
		atomic_store(&w->slots[fd].state, RESTING);
		event.data.fd = (int)fd;
		epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, (int)fd, &event);
	}
	return false;
}

/* Says once what makes no sense on this socket; a peer could repeat it for ever. */
static enum look
refuse(const char *message)
{
	static atomic_int said;

	log_event(atomic_exchange(&said, 1) == 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "fastcgi",
		  "message", message, NULL);
	return LOOK_CLOSE;
}

/* Adds what has come to s->saved and judges the whole of it. */
static enum look
look_saved(struct thread *t, struct slot *s, int fd)
{
	bool ended = false, failed = false;

	while (!ended && !failed && s->saved.len < WORKER_REQUEST_MAX) {
		size_t room = WORKER_REQUEST_MAX - s->saved.len;
		ssize_t n = recv(fd, t->peek, room < PEEK_MAX ? room : PEEK_MAX, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n > 0)
			failed = buf_add(&s->saved, t->peek, (size_t)n) != ERR_OK;
		ended = n == 0;
		failed = failed || (n < 0 && errno != EINTR);
	}
	if (failed)
		return LOOK_CLOSE;
	switch (frame_read(&s->frame, (const unsigned char *)buf_text(&s->saved), s->saved.len)) {
	case FRAME_WHOLE:
		return LOOK_REQUEST;
	case FRAME_BAD:
		return refuse("not a FastCGI request");
	case FRAME_PARTIAL:
		break;
	}
	if (ended)
		return LOOK_CLOSE;
	if (s->saved.len < WORKER_REQUEST_MAX)
		return LOOK_WAIT;
	/* no body of ours is as long; the head decides what the answer is */
	return s->frame.params_done ? LOOK_REQUEST : refuse("too many meta-variables");
}

/* Throws away what comes after the answer to a request that was too long. */
static enum look
look_drain(struct thread *t, struct slot *s, int fd)
{
	while (s->drained < WORKER_DRAIN_MAX) {
		ssize_t n = recv(fd, t->peek, PEEK_MAX, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return LOOK_WAIT;
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		s->drained += n > 0 ? (size_t)n : 0;
	}
	return LOOK_CLOSE;
}

/*
 * Looks what is there without taking it. A whole request is left on the
 * connection for libfcgi to read; anything less is saved until the rest comes.
 */
static enum look
connection_look(struct thread *t, struct slot *s, int fd)
{
	struct frame frame = {.at = 0};
	ssize_t n;

	if (s->draining)
		return look_drain(t, s, fd);
	if (s->saved.len > 0)
		return look_saved(t, s, fd);
	do
		n = recv(fd, t->peek, PEEK_MAX, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? LOOK_WAIT : LOOK_CLOSE;
	if (frame_read(&frame, t->peek, (size_t)n) == FRAME_WHOLE && frame.at == (size_t)n) {
		s->frame = frame;
		return LOOK_REQUEST;
	}
	s->frame = (struct frame){.at = 0};
	return look_saved(t, s, fd);
}

/* The body of the request, as far as the guard has seen it. */
static int
body_read(void *ctx, char *data, size_t len)
{
	struct thread *t = ctx;
	size_t n;

	if (len > t->body_left)
		len = t->body_left;
	if (len == 0)
		return 0;
	n = conn_read(&t->fcgx, data, len);
	t->body_left -= n;
	return n == 0 ? -1 : (int)n;
}

/* Puts a request that came in pieces where libfcgi can read it. */
static bool
memory_fill(struct thread *t, const struct buf *saved)
{
	if (t->memory_fd == -1 &&
	    (t->memory_fd = memfd_create("opencode-callback", MFD_CLOEXEC)) == -1)
		return false;
	return ftruncate(t->memory_fd, 0) == 0 && lseek(t->memory_fd, 0, SEEK_SET) == 0 &&
	       write(t->memory_fd, saved->data, saved->len) == (ssize_t)saved->len &&
	       lseek(t->memory_fd, 0, SEEK_SET) == 0;
}

/* Answers the request that libfcgi has begun. False if the connection is of no more use. */
static bool
answer(struct thread *t, struct slot *s, int fd)
{
	const struct worker_config *config = &t->worker->config;
	bool saved = s->saved.len > 0, ok, keep = false;
	struct request request;
	struct response response;
	struct buf out;

	response_init(&response);
	buf_init(&out, META_BYTES_MAX);
	meta_request(&t->meta, t->fcgx.envp, &request);
	t->body_left = s->frame.body_len;
	request.read = body_read;
	request.read_ctx = t;
	config->handle(config->ctx, &request, &response);
	if (saved)
		conn_switch(&t->fcgx, fd);
	ok = (saved || conn_drain(&t->fcgx)) && meta_response(&response, &out) == ERR_OK;
	if (ok)
		ok = conn_finish(&t->fcgx, out.data, out.len, &keep);
	else
		conn_drop(&t->fcgx);
	buf_free(&out);
	response_free(&response);
	return ok && keep;
}

/* Takes the answered request out of what was saved. */
static bool
saved_next(struct slot *s, bool whole)
{
	struct buf rest;
	enum err err;

	buf_init(&rest, WORKER_REQUEST_MAX);
	err = whole ? buf_add(&rest, s->saved.data + s->frame.at, s->saved.len - s->frame.at)
		    : ERR_OK;
	buf_free(&s->saved);
	s->saved = rest;
	s->frame = (struct frame){.at = 0};
	return err == ERR_OK;
}

/* Answers the request that is there. False: the connection was closed. */
static bool
connection_serve(struct thread *t, struct slot *s, int fd)
{
	struct worker *w = t->worker;
	bool saved = s->saved.len > 0, whole, keep;

	whole = !saved || frame_read(&s->frame, (const unsigned char *)s->saved.data,
				     s->saved.len) == FRAME_WHOLE;
	if (saved && !memory_fill(t, &s->saved)) {
		log_event(LOG_LEVEL_ERROR, "fastcgi", "message", "no file in memory", NULL);
		connection_close(w, fd);
		return false;
	}
	if (!conn_begin(&t->fcgx, saved ? t->memory_fd : fd)) {
		if (saved) {
			t->memory_fd = -1;
			close(fd);
		}
		slot_free(w, fd);
		return false;
	}
	keep = answer(t, s, fd);
	if (saved && (ftruncate(t->memory_fd, 0) != 0 || !saved_next(s, whole)))
		keep = false;
	if (!whole && shutdown(fd, SHUT_WR) == 0) {
		s->draining = true;
		return true;
	}
	if (!keep)
		connection_close(w, fd);
	return keep;
}

/* Does what a connection wants until it rests or is closed. */
static void
connection_run(struct thread *t, int fd)
{
	struct worker *w = t->worker;
	struct slot *s = &w->slots[fd];

	for (;;) {
		switch (connection_look(t, s, fd)) {
		case LOOK_CLOSE:
			connection_close(w, fd);
			return;
		case LOOK_REQUEST:
			if (!connection_serve(t, s, fd))
				return;
			if (s->saved.len > 0 || s->draining)
				continue;
			break;
		case LOOK_WAIT:
			break;
		}
		if (connection_rest(w, fd))
			return;
	}
}

/* An event for a connection: takes it, unless another thread has it. */
static void
connection_event(struct thread *t, int fd)
{
	struct slot *s = &t->worker->slots[fd];
	int state = atomic_load(&s->state);

	for (;;) {
		if (state != RESTING && state != BUSY)
			return;
		if (!atomic_compare_exchange_weak(&s->state, &state,
						  state == RESTING ? BUSY : BUSY_AGAIN))
			continue;
		if (state == RESTING)
			connection_run(t, fd);
		return;
	}
}

static bool
connection_new(struct worker *w, int fd)
{
	const struct timeval limit = {.tv_sec = WORKER_SEND_SECONDS};
	struct slot *s = &w->slots[fd];
	const int on = 1;
	int state = FREE;

	/* libfcgi closes before its thread frees the slot: that is a matter of instructions */
	while (!atomic_compare_exchange_weak(&s->state, &state, BUSY)) {
		sched_yield();
		state = FREE;
	}
	s->registered = s->draining = false;
	s->drained = 0;
	buf_init(&s->saved, WORKER_REQUEST_MAX);
	if (w->inet)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0;
}

/* Takes one connection; the others are left to threads that are free. */
static void
accept_one(struct thread *t)
{
	struct worker *w = t->worker;
	struct pollfd p = {.events = POLLIN};
	int fd, error;

	if (atomic_load(&w->stopping) != 0 && now_ms() >= w->stop_by)
		return;
	fd = accept4(w->config.listen_fd, NULL, NULL, SOCK_CLOEXEC);
	error = errno;
	if (fd == -1 &&
	    (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) &&
	    !connection_evict(w)) {
		/* accepting goes on after a while, or when a connection ends */
		atomic_store(&w->full, 1);
		return;
	}
	listen_again(w);
	if (fd == -1)
		return;
	if (fd >= WORKER_CONNECTIONS_MAX) {
		connection_evict(w);
		close(fd);
		return;
	}
	if (atomic_fetch_add(&w->count, 1) >= WORKER_CONNECTIONS_MAX - 64)
		connection_evict(w);
	if (!connection_new(w, fd)) {
		connection_close(w, fd);
		return;
	}
	p.fd = fd;
	if (atomic_load(&w->stopping) != 0)
		(void)poll(&p, 1, NEWCOMER_MS);
	connection_run(t, fd);
}

static void *
thread_main(void *arg)
{
	struct worker *w = arg;
	struct thread t = {.worker = w, .memory_fd = -1};

	conn_ready(&t.fcgx);
	for (;;) {
		/* at the end the stop event is always there: a second one is real work */
		struct epoll_event events[2];
		bool stopping = atomic_load(&w->stopping) != 0;
		int wait = stopping ? 0 : atomic_load(&w->full) != 0 ? FULL_MS : -1;
		int n = epoll_wait(w->epoll_fd, events, stopping ? 2 : 1, wait), work = 0;

		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == w->stop_fd)
				continue;
			work++;
			if (fd == w->config.listen_fd)
				accept_one(&t);
			else
				connection_event(&t, fd);
		}
		if (stopping && work == 0)
			break;
		if (n == 0 && atomic_exchange(&w->full, 0) != 0)
			listen_again(w);
	}
	if (t.memory_fd != -1)
		close(t.memory_fd);
	return NULL;
}

static bool
start_threads(struct worker *w)
{
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) != 0)
		return false;
	if (pthread_attr_setstacksize(&attr, WORKER_STACK) == 0)
		while (w->running < w->config.threads &&
		       pthread_create(&w->threads[w->running], &attr, thread_main, w) == 0)
			w->running++;
	pthread_attr_destroy(&attr);
	return w->running == w->config.threads;
}

static bool
watch(struct worker *w, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return fd != -1 && epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum err
worker_start(struct worker **out, const struct worker_config *config)
{
	struct worker *w;
	int flags = fcntl(config->listen_fd, F_GETFL), domain = AF_UNIX;
	socklen_t len = sizeof(domain);

	if (!conn_init() || (w = calloc(1, sizeof(*w))) == NULL)
		return ERR_MEMORY;
	w->config = *config;
	(void)getsockopt(config->listen_fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	w->inet = domain != AF_UNIX;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (config->threads > WORKER_THREADS_MAX || flags == -1 ||
	    fcntl(config->listen_fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    !watch(w, w->stop_fd, EPOLLIN) ||
	    !watch(w, config->listen_fd, EPOLLIN | EPOLLONESHOT) || !start_threads(w)) {
		worker_stop(w);
		return ERR_MEMORY;
	}
	*out = w;
	return ERR_OK;
}

void
worker_stop(struct worker *w)
{
	w->stop_by = now_ms() + WORKER_STOP_MS;
	atomic_store(&w->stopping, 1);
	(void)eventfd_write(w->stop_fd, 1);
	for (int i = 0; i < w->running; i++)
		pthread_join(w->threads[i], NULL);
	for (int fd = 0; fd < WORKER_CONNECTIONS_MAX; fd++)
		if (atomic_load(&w->slots[fd].state) != FREE)
			connection_close(w, fd);
	if (w->stop_fd != -1)
		close(w->stop_fd);
	if (w->epoll_fd != -1)
		close(w->epoll_fd);
	free(w);
}
