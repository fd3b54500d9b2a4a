/*
 * Calls to opencode and its listeners, for one exchange: finds the socket,
 * bounds how many run at once, brings credentials along.
 */
#ifndef OPENCODE_H
#define OPENCODE_H

#include "core/context.h"
#include "opencode/call.h"

/*
 * Calls opencode itself. The call has method, target, body and own headers set;
 * socket and Host are filled in here. Errors of call_send(); ERR_OPENCODE_DOWN
 * also if the socket is missing or unsafe.
 */
enum err
opencode_send(const struct context *x, struct call *call, struct call_reply *reply) MUST_CHECK;

/*
 * Calls opencode on behalf of a flow: with the directory and workspace that it
 * began with, and with the request's credentials, else those of password_file.
 */
enum err opencode_flow_send(const struct context *x, const struct flow *flow, const char *path,
			    struct call *call, struct call_reply *reply) MUST_CHECK;

/* The same, returning once the request is sent: call_finish() waits for the answer. Only body and
 * reply must live until then. */
enum err opencode_flow_start(const struct context *x, const struct flow *flow, const char *path,
			     struct call *call, struct call_reply *reply,
			     struct call_pending **out) MUST_CHECK;

/*
 * Calls opencode for the visitor, with his own credentials and no others, in the
 * project of a flow.
 */
enum err opencode_visitor_send(const struct context *x, const struct flow *flow, const char *path,
			       struct call *call, struct call_reply *reply) MUST_CHECK;

/* Calls the listener of a flow; the call has method, target and body set. */
enum err opencode_listener_send(const struct context *x, const struct flow *flow, struct call *call,
				struct call_reply *reply) MUST_CHECK;

/*
 * Whether opencode lets the sender of this request in: ERR_OK, ERR_CREDENTIALS,
 * or why it could not be asked. reply, if not NULL, gets the answer of GET
 * /provider/auth (release it in any case).
 */
enum err opencode_lets_in(const struct context *x, struct call_reply *reply) MUST_CHECK;

/* Makes a running opencode load its accounts anew, in the flow's directory. */
enum err opencode_reload(const struct context *x, const struct flow *flow) MUST_CHECK;

/* What an answer to a call of ours comes to: err, or ERR_CREDENTIALS for 401, ERR_OPENCODE_ANSWER
 * for any status but 200. */
enum err opencode_reply_err(enum err err, const struct call_reply *reply) MUST_CHECK;

#endif
