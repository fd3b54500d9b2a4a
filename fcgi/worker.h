/*
 * The FastCGI worker: threads that answer the requests of one listening socket.
 *
 * Connections rest in one epoll set; a thread is lent to a connection only when
 * a whole request is there, so connections that are silent, kept open or slow
 * cost a descriptor and nothing else. As many threads wait for events as there are
 * processors; when one of them is about to wait for something else (wait.h), the
 * next takes its place.
 */
#ifndef WORKER_H
#define WORKER_H

#include "http/request.h"
#include "http/response.h"
#include "util/error.h"

#define WORKER_CONNECTIONS_MAX 4096	     /* beyond, one that rests is closed */
#define WORKER_REQUEST_MAX     (128 * 1024)  /* bytes of a request as it comes, records included */
#define WORKER_DRAIN_MAX       (1024 * 1024) /* bytes of a longer one that are thrown away */
#define WORKER_SEND_SECONDS    5    /* a peer that does not take its answer by then is dropped */
#define WORKER_STOP_MS	       1000 /* at the end: how long new connections are still taken */
#define WORKER_THREADS_MAX     256
#define WORKER_STACK	       (256 * 1024) /* bytes of a thread's stack */

struct worker;

struct worker_config {
	int listen_fd; /* a listening stream socket; the worker makes it non-blocking */
	int threads;
	/* Answers one request; called by several threads at once. */
	void (*handle)(void *ctx, const struct request *request, struct response *response);
	void *ctx;
};

/* Starts the threads. Signals must be blocked that the threads shall not see. */
enum err worker_start(struct worker **out, const struct worker_config *config) MUST_CHECK;

/*
 * Answers what has been asked so far, also by connections that nobody has
 * accepted yet, then ends the threads and closes every connection. The
 * listening socket stays the caller's.
 */
void worker_stop(struct worker *worker);

#endif
