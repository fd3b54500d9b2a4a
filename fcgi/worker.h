/*
 * The FastCGI worker: threads that answer the requests of one listening socket.
 *
 * Connections rest in one epoll set; a thread serves a connection only when a whole request
 * has arrived, so connections that are silent, kept open or slow cost a descriptor and nothing
 * else. As many threads wait for events as there are processors; when one of them is about to
 * block on something else (util/blocking.h), the next takes its place.
 */
#ifndef WORKER_H
#define WORKER_H

#include "connection.h"
#include "util/error.h"

#define WORKER_STOP_MS 1000	    /* while stopping: how long connections are still accepted */
#define WORKER_STACK   (256 * 1024) /* bytes of a thread's stack */

struct worker;

struct worker_config {
	int listen_fd; /* a listening stream socket; the worker makes it non-blocking */
	int threads;
	struct connection_handler handler;
};

/* Starts the threads. Before that, block the signals that they must not receive. ERR_MEMORY. */
enum err worker_start(struct worker **out, const struct worker_config *config) MUST_CHECK;

/*
 * Answers the requests that have been sent so far, also on connections that are not accepted
 * yet, then ends the threads, closes every connection and frees the worker. The listening
 * socket stays the caller's.
 */
void worker_stop(struct worker *worker);

#endif
