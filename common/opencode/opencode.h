/*
 * Calls opencode and its listeners for one request: finds the socket and adds the credentials.
 * call_slot.h limits how many calls run at once.
 */
#ifndef OPENCODE_H
#define OPENCODE_H

#include <jansson.h>

#include "core/context.h"
#include "opencode/call.h"

/* For operators, where nobody listens at the socket. */
#define OPENCODE_PLUGIN_HINT \
	"Is opencode running, with its plugin loaded? The setting is \"plugin\" in opencode 1 " \
	"and " \
	"\"plugins\" in opencode 2, and names the directory " \
	"file:///usr/share/opencode-callback/plugin/"

#define OPENCODE_LIST_MAX (1024 * 1024) /* bytes of a list of opencode's */

/*
 * Where opencode knows browsers by a session cookie (call->session), a request without other
 * credentials lends this cookie (cookie_session()) to our calls. opencode takes it only with the
 * Host header that the browser sent; the header Opencode-Callback-To tells the plugin then that
 * the call is for opencode itself.
 */

/* Returns whether a call for this request would lend such a cookie. */
bool opencode_has_session(const struct context *x);

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

/* Calls opencode for the visitor, with the credentials of credentials_visitor() only, in the
 * project of a flow. Also ERR_QUERY_LONG. */
enum err opencode_visitor_send(const struct context *x, const struct flow *flow, const char *path,
			       struct call *call, struct call_reply *reply) MUST_CHECK;

/* GETs a JSON object for the visitor. Errors of opencode_visitor_send() and opencode_reply_json().
 * opencode_session_read() may lend cookies, and waits timeout_ms (0: as long as any call). Release
 * *out with json_decref(). */
enum err opencode_visitor_read(const struct context *x, const struct flow *project,
			       const char *path, json_t **out) MUST_CHECK;
enum err opencode_session_read(const struct context *x, const struct flow *project,
			       const char *path, int timeout_ms, json_t **out) MUST_CHECK;

/* Asks the plugin itself, which has no part where there is one socket for each port: then
 * ERR_ABSENT. Otherwise as opencode_send(). */
enum err opencode_plugin_send(const struct context *x, struct call *call,
			      struct call_reply *reply) MUST_CHECK;

/* Returns whether the socket that leads to a port of opencode's listeners is there. */
bool opencode_has_socket(const struct context *x, int port);

/* Calls the listener of a flow. The caller sets method, target and body. */
enum err opencode_listener_send(const struct context *x, const struct flow *flow, struct call *call,
				struct call_reply *reply) MUST_CHECK;

/* Makes a running opencode reload its accounts, in the directory of the flow. */
enum err opencode_reload(const struct context *x, const struct flow *flow) MUST_CHECK;

/* Returns whether the plugin says that it did not reach opencode, which then got nothing. */
bool opencode_unreached(const struct call_reply *reply);

/* Maps the result of a call to an error: err if it is one, ERR_CREDENTIALS for status 401, and
 * ERR_OPENCODE_ANSWER for any other status but 200. */
enum err opencode_reply_err(enum err err, const struct call_reply *reply) MUST_CHECK;

/* Does the same for a reply that must be a JSON object, and reads that; else *out is NULL. */
enum err opencode_reply_json(enum err err, const struct call_reply *reply, json_t **out) MUST_CHECK;

#endif
