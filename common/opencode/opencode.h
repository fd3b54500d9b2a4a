/*
 * Calls opencode and its listeners for one request: finds the socket and adds the credentials.
 * call_slot.h limits how many calls run at once.
 */
#ifndef OPENCODE_H
#define OPENCODE_H

#include "core/context.h"
#include "opencode/call.h"

/*
 * Calls opencode itself. The caller sets method, target, body and headers; this function fills in
 * socket and Host. Errors of call_send(); ERR_OPENCODE_DOWN also if the socket is missing or
 * unsafe. Release reply in any case.
 */
enum err
opencode_send(const struct context *x, struct call *call, struct call_reply *reply) MUST_CHECK;

/*
 * Calls opencode on behalf of a flow: with the directory, workspace and query that the flow began
 * with, and with the credentials of the request, else those of password_file. path has no query.
 */
enum err opencode_flow_send(const struct context *x, const struct flow *flow, const char *path,
			    struct call *call, struct call_reply *reply) MUST_CHECK;

/* Does the same, but returns once the request is sent; call_finish() waits for the reply. Only
 * the body and reply must live until then. */
enum err opencode_flow_start(const struct context *x, const struct flow *flow, const char *path,
			     struct call *call, struct call_reply *reply,
			     struct call_pending **out) MUST_CHECK;

/* Calls opencode for the visitor, with the visitor's own credentials only, in the project of a
 * flow. Also ERR_QUERY_LONG. */
enum err opencode_visitor_send(const struct context *x, const struct flow *flow, const char *path,
			       struct call *call, struct call_reply *reply) MUST_CHECK;

/* Calls the listener of a flow. The caller sets method, target and body. */
enum err opencode_listener_send(const struct context *x, const struct flow *flow, struct call *call,
				struct call_reply *reply) MUST_CHECK;

/*
 * Asks whether opencode lets the sender of this request in: ERR_OK, ERR_CREDENTIALS, or the
 * reason why opencode could not be asked. If reply is not NULL, it receives the reply to GET
 * /provider/auth; release it in any case.
 */
enum err opencode_lets_in(const struct context *x, struct call_reply *reply) MUST_CHECK;

/* Makes a running opencode reload its accounts, in the directory of the flow. */
enum err opencode_reload(const struct context *x, const struct flow *flow) MUST_CHECK;

/* Maps the result of a call to an error: err if it is one, ERR_CREDENTIALS for status 401, and
 * ERR_OPENCODE_ANSWER for any other status but 200. */
enum err opencode_reply_err(enum err err, const struct call_reply *reply) MUST_CHECK;

#endif
