/*
 * One HTTP/1.1 call over a Unix socket, through libcurl: no proxy, no redirect,
 * no retry, a fresh connection each time, so that what was sent was sent once.
 */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/flow.h"
#include "http/request.h"
#include "util/buf.h"
#include "util/error.h"

#define CALL_CONNECT_MS	 1000
#define CALL_TOTAL_MS	 FLOW_CALL_MS
#define CALL_BODY_MAX	 65536 /* bytes of a reply's body */
#define CALL_HEAD_MAX	 16384 /* bytes of a reply's header lines */
#define CALL_HEADERS_MAX 24    /* headers of a call */

struct call {
	const char *socket_path;
	const char *method;
	const char *host;   /* Host header: "opencode", "localhost:1455" */
	const char *target; /* path and query, sent as they are */
	struct header header[CALL_HEADERS_MAX];
	size_t header_count;
	const char *body; /* NULL: none */
	size_t body_len;
	int timeout_ms;	 /* for the whole call; 0: CALL_TOTAL_MS */
	bool tail;	 /* keep the end of a body that is too large, instead of refusing it */
	size_t body_max; /* bytes of the reply's body; 0: CALL_BODY_MAX */
	bool session;	 /* opencode may know the visitor by a cookie; see opencode.h */
};

struct call_reply {
	int status;
	struct buf head; /* header lines as they came, each "Name: value\n" */
	struct buf body;
};

/* Adds a header to a call; a NULL value adds none. Both strings must outlive the call. */
void call_header(struct call *call, const char *name, const char *value);

/*
 * Makes the call. Any status is ERR_OK. ERR_OPENCODE_DOWN: could not connect;
 * ERR_MEMORY; with both, nothing was sent. ERR_OPENCODE_GONE, ERR_OPENCODE_TIMEOUT,
 * ERR_OPENCODE_ANSWER: something may have been sent. Release the reply in any case.
 */
enum err call_send(const struct call *call, struct call_reply *reply) MUST_CHECK;
void call_reply_free(struct call_reply *reply);

/*
 * The same in two steps, for a call that is answered only after another one:
 * call_start() returns as soon as the request is sent, call_finish() waits for the
 * answer and releases *out. The call's body and reply must live until then. After an error of
 * call_start() there is nothing to finish.
 */
struct call_pending;
enum err
call_start(const struct call *call, struct call_reply *reply, struct call_pending **out) MUST_CHECK;
enum err call_finish(struct call_pending *pending) MUST_CHECK;

/*
 * Walks through the header lines of a reply. *pos starts at NULL. Gives name
 * and value as pieces of reply->head; false at the end.
 */
struct call_field {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};
bool call_next_field(const struct call_reply *reply, const char **pos, struct call_field *field);

#endif
