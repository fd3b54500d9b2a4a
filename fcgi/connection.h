/*
 * The connections of a worker. They rest in an edge-triggered epoll set; a thread takes one
 * only while there is something to do for it.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "http/cgi.h"
#include "libfcgi.h"
#include "record.h"
#include "util/buf.h"

#define CONNECTIONS_MAX		4096	      /* beyond that, a resting one is closed */
#define CONNECTION_REQUEST_MAX	(256 * 1024)  /* bytes of a request, in its records */
#define CONNECTION_DRAIN_MAX	(1024 * 1024) /* bytes of a longer one that are discarded */
#define CONNECTION_SEND_SECONDS 5     /* time for a peer to take its response; else it is dropped */
#define CONNECTION_BYTES_MAX	16384 /* most requests arrive at once and are shorter than this */
#define CONNECTION_UNREAD_MAX	65536 /* bytes of responses that a socket takes without blocking */
#define CONNECTION_ANSWER_COST	1024  /* what a response takes there besides its bytes */

/*
 * Who holds a connection. A busy one belongs to one thread alone; an event that comes meanwhile
 * is remembered (CONNECTION_BUSY_AGAIN).
 */
enum { CONNECTION_FREE, CONNECTION_RESTING, CONNECTION_BUSY, CONNECTION_BUSY_AGAIN };

struct connection {
	atomic_int state;
	bool registered;      /* in the epoll set */
	bool draining;	      /* answered; what still arrives is discarded */
	size_t drained;	      /* bytes discarded so far */
	size_t unread;	      /* bytes of responses that the peer may not have read yet */
	bool full;	      /* has a request, but must read those responses first */
	struct record record; /* of the request being received */
	struct buf saved;     /* what was received of it, unless that was exactly one request */
};

/*
 * All connections, by descriptor. Entries outlive their connections, so a late event for a
 * descriptor that is another connection by now does no harm.
 */
struct connections {
	int epoll_fd;
	atomic_uint hand; /* where the search for one to close continues */
	atomic_int count;
	struct connection of[CONNECTIONS_MAX];
};

/* Answers one request; called by several threads at once. */
struct connection_handler {
	void (*handle)(void *ctx, const struct request *request, struct response *response);
	void *ctx;
};

/* The state of a thread, which serves connections one after the other. */
struct server {
	struct connections *all;
	const struct connection_handler *handler;
	FCGX_Request fcgx;
	struct cgi_meta meta;
	struct response response; /* emptied after each request and reused */
	struct buf out;		  /* the same */
	size_t body_left;	  /* bytes of the body that have arrived and are not read yet */
	size_t len;		  /* of the request in bytes; 0: it is in the connection's saved */
	unsigned char bytes[CONNECTION_BYTES_MAX];
};

/* Initialises a thread's server before the thread starts. Frees it after the thread has ended. */
void connection_server_init(struct server *server, struct connections *all,
			    const struct connection_handler *handler);
void connection_server_free(struct server *server);

/* Makes an accepted socket a connection that is busy in the calling thread. */
void connection_open(struct connections *all, int fd);

/* Serves a busy connection until it rests or is closed. */
void connection_run(struct server *server, int fd);

/* Serves a connection that had an event, unless another thread is serving it. */
void connection_event(struct server *server, int fd);

/* Leaves a connection to another thread, by making its event come again. */
void connection_again(struct connections *all, int fd);

/* Closes a resting connection without a request, to make room. Returns false if there is none. */
bool connection_evict(struct connections *all);

/* Closes all connections. Call it once no thread is left. */
void connection_close_all(struct connections *all);

#endif
