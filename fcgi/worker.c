#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "connection.h"

#define FULL_MS	    100 /* out of descriptors: how soon accepting is tried again */
#define NEWCOMER_MS 100 /* at the end: how long a fresh connection may take to ask */
#define LOOK_MS	    5	/* at the end: between two looks whether one has */

struct worker {
	struct worker_config config;
	int stop_fd; /* readable from worker_stop() on */
	bool inet;   /* TCP, not a Unix socket */
	atomic_int stopping;
	int64_t stop_by;
	int running;
	struct thread {
		struct worker *worker;
		struct server server;
		pthread_t id;
	} * threads;
	struct connections all;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One thread is woken for a new connection; it calls this, and the next may come. */
static void
listen_again(struct worker *w)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};

	event.data.fd = w->config.listen_fd;
	epoll_ctl(w->all.epoll_fd, EPOLL_CTL_MOD, w->config.listen_fd, &event);
}

/* Whether connections are still taken: always, until the time to stop is over. */
static bool
accepting(struct worker *w)
{
	return atomic_load(&w->stopping) == 0 || now_ms() < w->stop_by;
}

/*
 * Whether a connection that was accepted just before the end may still ask. No
 * waiting in epoll, where the stop event is always there.
 */
static bool
newcomers(struct worker *w)
{
	if (now_ms() >= w->stop_by - WORKER_STOP_MS + NEWCOMER_MS)
		return false;
	(void)poll(NULL, 0, LOOK_MS);
	return true;
}

/* Makes a connection of an accepted descriptor and serves it. */
static void
welcome(struct worker *w, struct server *server, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	const int on = 1;

	if (fd >= WORKER_CONNECTIONS_MAX) {
		connection_evict(&w->all);
		close(fd);
		return;
	}
	if (w->inet)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	connection_open(&w->all, fd);
	if (atomic_load(&w->stopping) != 0)
		(void)poll(&p, 1, NEWCOMER_MS);
	connection_run(server, fd);
}

/*
 * Takes connections while there are any. From the first on, the next may also
 * wake another thread, so one that is slow to serve holds none up.
 */
static void
accept_all(struct worker *w, struct server *server)
{
	bool again = false;

	while (accepting(w)) {
		int fd = accept4(w->config.listen_fd, NULL, NULL, SOCK_CLOEXEC);
		int error = errno;

		if (fd == -1 &&
		    (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) &&
		    !connection_evict(&w->all))
			(void)poll(NULL, 0, FULL_MS);
		if (!again)
			listen_again(w);
		again = true;
		if (fd == -1)
			return;
		welcome(w, server, fd);
	}
}

static void *
thread_main(void *arg)
{
	struct server *server = &((struct thread *)arg)->server;
	struct worker *w = ((struct thread *)arg)->worker;
	bool stopping = false;
	int work;

	do {
		/* at the end the stop event is always there: a second one is real work */
		struct epoll_event events[2];
		int n;

		stopping = atomic_load(&w->stopping) != 0;
		n = epoll_wait(w->all.epoll_fd, events, stopping ? 2 : 1, stopping ? 0 : -1);
		work = 0;
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == w->stop_fd)
				continue;
			work++;
			if (fd == w->config.listen_fd)
				accept_all(w, server);
			else
				connection_event(server, fd);
		}
	} while (!stopping || work > 0 || newcomers(w));
	return NULL;
}

static bool
start_thread(struct worker *w, struct thread *thread, const pthread_attr_t *attr)
{
	thread->worker = w;
	if (!server_init(&thread->server, &w->all, &w->config))
		return false;
	if (pthread_create(&thread->id, attr, thread_main, thread) == 0)
		return true;
	server_free(&thread->server);
	return false;
}

static bool
start_threads(struct worker *w)
{
	pthread_attr_t attr;

	if ((w->threads = calloc((size_t)w->config.threads, sizeof(*w->threads))) == NULL ||
	    pthread_attr_init(&attr) != 0)
		return false;
	if (pthread_attr_setstacksize(&attr, WORKER_STACK) == 0)
		while (w->running < w->config.threads &&
		       start_thread(w, &w->threads[w->running], &attr))
			w->running++;
	pthread_attr_destroy(&attr);
	return w->running == w->config.threads;
}

static bool
watch(struct worker *w, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return fd != -1 && epoll_ctl(w->all.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
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
	w->all.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
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
	for (int i = 0; i < w->running; i++) {
		pthread_join(w->threads[i].id, NULL);
		server_free(&w->threads[i].server);
	}
	free(w->threads);
	connection_close_all(&w->all);
	if (w->stop_fd != -1)
		close(w->stop_fd);
	if (w->all.epoll_fd != -1)
		close(w->all.epoll_fd);
	free(w);
}
