/*
 * The connections of a worker. They rest in an epoll set, edge-triggered; a
 * thread takes one only while it has something for it to do.
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

#define CONNECTIONS_MAX		4096	      /* beyond, one that rests is closed */
#define CONNECTION_REQUEST_MAX	(128 * 1024)  /* bytes of a request as it comes, records included */
#define CONNECTION_DRAIN_MAX	(1024 * 1024) /* bytes of a longer one that are thrown away */
#define CONNECTION_SEND_SECONDS 5     /* a peer that does not take its answer by then is dropped */
#define CONNECTION_BYTES_MAX	16384 /* most requests are here at once and shorter than this */
#define CONNECTION_UNREAD_MAX	65536 /* bytes of answers that a socket holds without waiting */
#define CONNECTION_ANSWER_COST	1024  /* what an answer takes there besides its bytes */

/*
 * Who has a connection. One that is busy is its thread's alone; an event that
 * comes meanwhile is remembered.
 */
enum { CONNECTION_FREE, CONNECTION_RESTING, CONNECTION_BUSY, CONNECTION_BUSY_AGAIN };

struct connection {
	atomic_int state;
	bool registered;     /* in the epoll set */
	bool draining;	     /* answered; what still comes is thrown away */
	size_t drained;	     /* bytes of it */
	size_t unread;	     /* bytes of answers that the peer may not have read yet */
	bool full;	     /* asks for more, and is to read them first */
	struct record frame; /* of the request being received */
	struct buf saved;    /* what was received of it, unless that was just all of it */
};

/*
 * All of them, by descriptor. Entries outlive their connections, so a late event
 * for a descriptor that is another connection by now does no harm.
 */
struct connections {
	int epoll_fd;
	atomic_uint hand; /* the entry that is looked at next for one to close */
	atomic_int count;
	struct connection of[CONNECTIONS_MAX];
};

/* Answers one request; called by several threads at once. */
struct connection_handler {
	void (*handle)(void *ctx, const struct request *request, struct response *response);
	void *ctx;
};

/* What a thread needs to serve one after the other. */
struct server {
	struct connections *all;
	const struct connection_handler *handler;
	FCGX_Request fcgx;
	struct meta meta;
	struct response response; /* emptied after each request, and kept for the next */
	struct buf out;		  /* the same */
	size_t body_left;	  /* bytes of the body that the guard has seen */
	size_t len;		  /* of a request in bytes; 0: it is in the connection's saved */
	unsigned char bytes[CONNECTION_BYTES_MAX];
};

/* Before a thread starts; after it has ended. */
void connection_server_init(struct server *server, struct connections *all,
			    const struct connection_handler *handler);
void connection_server_free(struct server *server);

/* Makes an accepted socket a connection, busy for the caller. */
void connection_open(struct connections *all, int fd);

/* Serves a busy connection until it rests or is closed. */
void connection_run(struct server *server, int fd);

/* Serves a connection that had an event, unless another thread is at it. */
void connection_event(struct server *server, int fd);

/* In place of serving it: has its event come again, for another thread. */
void connection_again(struct connections *all, int fd);

/* Closes one that rests and asks for nothing, to make room. False if there is none. */
bool connection_evict(struct connections *all);

/* Closes all, once no thread is left. */
void connection_close_all(struct connections *all);

#endif
