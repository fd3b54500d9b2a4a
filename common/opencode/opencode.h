/*
 * Calls to opencode and its listeners, for one exchange: finds the socket,
 * bounds how many run at once, brings credentials along.
 */
#ifndef OPENCODE_H
#define OPENCODE_H

#include <jansson.h>

#include "core/context.h"
#include "opencode/call.h"

#define CREDENTIALS_MAX 8192 /* bytes of an Authorization header */

/* One place among the calls that may run at once. ERR_BUSY: none is free. */
enum err call_slot_enter(struct app *app) MUST_CHECK;
void call_slot_leave(struct app *app);

/* What a call says for itself: the Authorization header, wiped by credentials_wipe(). */
struct credentials {
	char authorization[CREDENTIALS_MAX + 1]; /* "" if there are none */
};

/* The request's own Authorization, else that of password_file. */
void credentials_find(const struct context *x, struct credentials *out);
void credentials_wipe(struct credentials *c);

/* Whether there are credentials for a flow that began with some; one that began without needs none.
 */
bool credentials_suffice(const struct context *x, const struct flow *flow);

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

/* The end of the answer of GET /provider as the list of connected providers, NULL if it has none.
 * Release with json_decref(). */
json_t *connected_read(const struct call_reply *reply);

/* Whether that list has a provider. NULL is an empty list. */
bool connected_has(const json_t *list, const char *provider);

/* What an answer of GET /mcp says of a flow's MCP server, such as "connected"; "" if nothing. */
void connected_mcp_read(const struct call_reply *reply, const struct flow *flow, char *status,
			size_t size);

/* Asks, with the credentials of the flow's finishing calls. */
enum err connected_mcp(const struct context *x, const struct flow *flow, char *status,
		       size_t size) MUST_CHECK;

/* Whether opencode has the account that a flow was begun for. A terminal's is never known. */
enum err
connected_ask(const struct context *x, const struct flow *flow, bool *connected) MUST_CHECK;

/* Makes a running opencode load its accounts anew, in the flow's directory. */
enum err opencode_reload(const struct context *x, const struct flow *flow) MUST_CHECK;

#endif
