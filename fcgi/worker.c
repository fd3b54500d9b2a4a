#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "libfcgi.h"
#include "util/blocking.h"
#include "util/clock.h"

#define FULL_MS	      100 /* out of descriptors: until accepting is tried again */
#define NEWCOMER_MS   100 /* while stopping: for a new connection to send a request */
#define LOOK_MS	      5	  /* while stopping: between two checks whether one has */
#define LISTEN_EVENTS (EPOLLIN | EPOLLET)
#define EVENTS_MAX    4 /* that a thread takes at once */

struct worker {
	struct worker_config config;
	int stop_fd; /* readable from worker_stop() on */
	bool inet;   /* TCP, not a Unix socket */
	atomic_int stopping;
	int64_t stop_by;
	int running;
	sem_t watchers; /* how many more threads may watch for events */
	struct thread {
		struct worker *worker;
		struct server server;
		pthread_t id;
		bool watches;	/* is one of the watchers, also while it serves a request */
		bool accepting; /* has taken the event of the listening socket */
		struct epoll_event event[EVENTS_MAX]; /* the events that it has taken, */
		int events, next;		      /* how many, and which is next */
	} * threads;
	struct connections all;
};

static bool
watch(struct worker *w, int how, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return fd != -1 && epoll_ctl(w->all.epoll_fd, how, fd, &event) == 0;
}

/* Makes the listening socket's event come again if there is still a connection to accept. */
static void
listen_again(struct worker *w)
{
	(void)watch(w, EPOLL_CTL_MOD, w->config.listen_fd, LISTEN_EVENTS);
}

/*
 * Returns how many threads watch at the same time: one for each processor. With more, an event
 * would wake a sleeping thread although a running one could take it just as soon.
 */
static unsigned
watchers_count(int threads)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return (unsigned)(n < threads ? n : threads);
}

static _Thread_local struct thread *self;

/* Makes an event come again, for the thread that watches then. */
static void
give_back(struct worker *w, int fd)
{
	if (fd == w->config.listen_fd)
		listen_again(w);
	else if (fd != w->stop_fd)
		connection_again(&w->all, fd);
}

/* Called before this thread blocks: makes another thread watch in its place. */
static void
hand_over(void)
{
	if (self == NULL || !self->watches)
		return;
	self->watches = false;
	if (self->accepting) /* its event may be for more than one connection */
		listen_again(self->worker);
	while (self->next < self->events)
		give_back(self->worker, self->event[self->next++].data.fd);
	sem_post(&self->worker->watchers);
}

/* Waits until this thread may watch. */
static void
take_over(void)
{
	while (!self->watches)
		self->watches = sem_wait(&self->worker->watchers) == 0;
}

/* Whether connections are still accepted: always, until the time to stop is over. */
static bool
accepting(struct worker *w)
{
	return atomic_load(&w->stopping) == 0 || clock_monotonic_ms() < w->stop_by;
}

/*
 * Whether a connection that was accepted just before the end may still send a request. Waits
 * with poll(), since epoll_wait() would always return the stop event.
 */
static bool
newcomers(struct worker *w)
{
	if (clock_monotonic_ms() >= w->stop_by - WORKER_STOP_MS + NEWCOMER_MS)
		return false;
	(void)poll(NULL, 0, LOOK_MS);
	return true;
}

/* Turns an accepted descriptor into a connection and serves it. */
static void
welcome(struct worker *w, struct server *server, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	const int on = 1;

	if (fd >= CONNECTIONS_MAX) {
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

/* Whether accept() failed for lack of something that closing a connection gives back. */
static bool
is_short(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Accepts connections while there are any. */
static void
accept_all(struct worker *w, struct server *server)
{
	int fd, error, count = 0;

	self->accepting = true;
	while (accepting(w)) {
		fd = accept4(w->config.listen_fd, NULL, NULL, SOCK_CLOEXEC);
		error = errno;
		if (fd != -1) {
			welcome(w, server, fd);
			/* under load this loop may never end: let earlier checks expire */
			if (++count % EVENTS_MAX == 0)
				blocking_over();
			continue;
		}
		self->accepting = false;
		if (error == EAGAIN)
			break;
		if (is_short(error) && !connection_evict(&w->all)) {
			hand_over();
			(void)poll(NULL, 0, FULL_MS);
		}
		listen_again(w);
		break;
	}
	self->accepting = false;
}

static void *
thread_main(void *arg)
{
	struct thread *thread = arg;
	struct server *server = &thread->server;
	struct worker *w = thread->worker;
	bool stopping = false;
	int work;

	self = thread;
	do {
		take_over();
		stopping = atomic_load(&w->stopping) != 0;
		thread->events =
		    epoll_wait(w->all.epoll_fd, thread->event, EVENTS_MAX, stopping ? 0 : -1);
		blocking_over();
		work = 0;
		for (thread->next = 0; thread->next < thread->events;) {
			int fd = thread->event[thread->next++].data.fd;

			/* while stopping, this event is always there */
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
	connection_server_init(&thread->server, &w->all, &w->config.handler);
	return pthread_create(&thread->id, attr, thread_main, thread) == 0;
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

enum err
worker_start(struct worker **out, const struct worker_config *config)
{
	struct worker *w;
	int flags = fcntl(config->listen_fd, F_GETFL), domain = AF_UNIX;
	socklen_t len = sizeof(domain);

	if (!libfcgi_init() || (w = calloc(1, sizeof(*w))) == NULL)
		return ERR_MEMORY;
	w->config = *config;
	(void)getsockopt(config->listen_fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	w->inet = domain != AF_UNIX;
	sem_init(&w->watchers, 0, watchers_count(config->threads));
	blocking_hook(hand_over);
	w->all.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (config->threads > CONFIG_THREADS_MAX || flags == -1 ||
	    fcntl(config->listen_fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    !watch(w, EPOLL_CTL_ADD, w->stop_fd, EPOLLIN) ||
	    !watch(w, EPOLL_CTL_ADD, config->listen_fd, LISTEN_EVENTS) || !start_threads(w)) {
		worker_stop(w);
		return ERR_MEMORY;
	}
	*out = w;
	return ERR_OK;
}

void
worker_stop(struct worker *w)
{
	w->stop_by = clock_monotonic_ms() + WORKER_STOP_MS;
	atomic_store(&w->stopping, 1);
	(void)eventfd_write(w->stop_fd, 1);
	for (int i = 0; i < w->running; i++)
		sem_post(&w->watchers);
	for (int i = 0; i < w->running; i++) {
		pthread_join(w->threads[i].id, NULL);
		connection_server_free(&w->threads[i].server);
	}
	free(w->threads);
	sem_destroy(&w->watchers);
	connection_close_all(&w->all);
	if (w->stop_fd != -1)
		close(w->stop_fd);
	if (w->all.epoll_fd != -1)
		close(w->all.epoll_fd);
	free(w);
}
