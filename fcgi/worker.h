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

#include "connection.h"
#include "util/error.h"

#define WORKER_STOP_MS 1000	    /* at the end: how long new connections are still taken */
#define WORKER_STACK   (256 * 1024) /* bytes of a thread's stack */

struct worker;

struct worker_config {
	int listen_fd; /* a listening stream socket; the worker makes it non-blocking */
	int threads;
	struct connection_handler handler;
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
