#include "opencode/opencode.h"

#include <stdio.h>
#include <string.h>

#include "http/cookie.h"
#include "opencode/credentials.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/unix_path.h"

/* Replaces %p by the port, and checks that the result is a socket that we may trust. */
static enum err
socket_find(const struct config_opencode *o, int port, char path[UNIX_PATH_SIZE])
{
	const char *percent = strstr(o->socket, "%p"), *cause;
	int len = percent == NULL
		      ? snprintf(path, UNIX_PATH_SIZE, "%s", o->socket)
		      : snprintf(path, UNIX_PATH_SIZE, "%.*s%d%s", (int)(percent - o->socket),
				 o->socket, port, percent + 2);

	cause = len < 0 || (size_t)len >= UNIX_PATH_SIZE ? "is too long" : unix_path_fault(path);
	if (cause == NULL)
		return ERR_OK;
	log_event(LOG_LEVEL_ERROR, "opencode-socket", "socket", path, "cause", cause, "hint",
		  OPENCODE_PLUGIN_HINT, NULL);
	return ERR_OPENCODE_DOWN;
}

/* Returns whether the request's Host header can be sent on: a name or an address, and a port. */
static bool
host_sendable(const char *host)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._:[]";

	return host != NULL && host[0] != '\0' && host[strspn(host, bytes)] == '\0';
}

bool
opencode_has_session(const struct context *x)
{
	const struct request *r = x->request;

	return x->site.opencode->login == LOGIN_VISITOR && r->authorization == NULL &&
	       cookie_has_session(r->cookie) && host_sendable(r->host);
}

/* Fills in who the call is for, and who the visitor is to opencode. cookie must be empty, and
 * live as long as the call. */
static enum err
address_call(const struct context *x, struct call *call, struct buf *cookie)
{
	call->host = "opencode";
	buf_init(cookie, COOKIE_SESSION_MAX);
	if (!call->session || !opencode_has_session(x))
		return ERR_OK;
	if (cookie_session(x->request->cookie, cookie) != ERR_OK)
		return cookie->err;
	call->host = x->request->host;
	call_header(call, "Opencode-Callback-To", "opencode");
	call_header(call, "Cookie", buf_text(cookie));
	return ERR_OK;
}

enum err
opencode_send(const struct context *x, struct call *call, struct call_reply *reply)
{
	const struct config_opencode *o = x->site.opencode;
	char path[UNIX_PATH_SIZE];
	struct buf cookie;
	enum err err;

	*reply = (struct call_reply){.status = 0};
	if (socket_find(o, o->port, path) != ERR_OK)
		return ERR_OPENCODE_DOWN;
	call->socket_path = path;
	if ((err = address_call(x, call, &cookie)) == ERR_OK)
		err = call_send(call, reply);
	buf_free(&cookie);
	return err;
}

enum err
opencode_plugin_send(const struct context *x, struct call *call, struct call_reply *reply)
{
	char path[UNIX_PATH_SIZE];

	*reply = (struct call_reply){.status = 0};
	if (strstr(x->site.opencode->socket, "%p") != NULL)
		return ERR_ABSENT;
	if (socket_find(x->site.opencode, 0, path) != ERR_OK)
		return ERR_OPENCODE_DOWN;
	call->socket_path = path;
	call->host = "plugin";
	return call_send(call, reply);
}

bool
opencode_has_socket(const struct context *x, int port)
{
	char path[UNIX_PATH_SIZE];

	return socket_find(x->site.opencode, port, path) == ERR_OK;
}

enum err
opencode_listener_send(const struct context *x, const struct flow *flow, struct call *call,
		       struct call_reply *reply)
{
	char path[UNIX_PATH_SIZE];

	*reply = (struct call_reply){.status = 0};
	if (socket_find(x->site.opencode, flow->redirect_port, path) != ERR_OK)
		return ERR_OPENCODE_DOWN;
	call->socket_path = path;
	call->host = flow->redirect_host;
	return call_send(call, reply);
}

/* Calls opencode in the project of a flow. With pending, returns once the request is sent. */
static enum err
project_send(const struct context *x, const struct flow *flow, struct call *call,
	     struct call_reply *reply, struct call_pending **pending)
{
	const struct config_opencode *o = x->site.opencode;
	char path[UNIX_PATH_SIZE];
	struct buf cookie;
	enum err err;

	if (flow->directory[0] != '\0')
		call_header(call, "x-opencode-directory", flow->directory);
	if (flow->workspace[0] != '\0')
		call_header(call, "x-opencode-workspace", flow->workspace);
	if (socket_find(o, o->port, path) != ERR_OK)
		return ERR_OPENCODE_DOWN;
	call->socket_path = path;
	if ((err = address_call(x, call, &cookie)) == ERR_OK)
		err = pending == NULL ? call_send(call, reply) : call_start(call, reply, pending);
	buf_free(&cookie);
	call->socket_path = NULL; /* path ends with this function */
	return err;
}

enum err
opencode_visitor_send(const struct context *x, const struct flow *flow, const char *path,
		      struct call *call, struct call_reply *reply)
{
	char token[QUERY_MAX + 1] = "";
	struct credentials credentials;
	struct buf target;
	enum err err;

	*reply = (struct call_reply){.status = 0};
	/* the query may carry the credentials */
	if (x->site.opencode->login == LOGIN_VISITOR &&
	    !query_copy_raw(x->request->query, "auth_token", token, sizeof(token)))
		return ERR_QUERY_LONG;
	buf_init(&target, FLOW_DIRECTORY_MAX + QUERY_MAX + FLOW_NAME_MAX + 64);
	buf_printf(&target, "%s%s%s%s%s", path,
		   flow->query[0] == '\0' && token[0] == '\0' ? "" : "?", flow->query,
		   flow->query[0] == '\0' || token[0] == '\0' ? "" : "&", token);
	credentials_visitor(x, &credentials);
	if (credentials.authorization[0] != '\0')
		call_header(call, "Authorization", credentials.authorization);
	call->target = buf_text(&target);
	err = target.err != ERR_OK ? target.err : project_send(x, flow, call, reply, NULL);
	buf_free(&target);
	credentials_wipe(&credentials);
	secret_wipe(token, sizeof(token));
	return err;
}

static enum err
read_object(const struct context *x, const struct flow *project, const char *path,
	    struct call *call, json_t **out)
{
	struct call_reply reply;
	enum err err = opencode_visitor_send(x, project, path, call, &reply);

	err = opencode_reply_json(err, &reply, out);
	call_reply_free(&reply);
	return err;
}

enum err
opencode_visitor_read(const struct context *x, const struct flow *project, const char *path,
		      json_t **out)
{
	struct call call = {.method = "GET"};

	return read_object(x, project, path, &call, out);
}

enum err
opencode_session_read(const struct context *x, const struct flow *project, const char *path,
		      int timeout_ms, json_t **out)
{
	struct call call = {.method = "GET",
			    .session = true,
			    .body_max = OPENCODE_LIST_MAX,
			    .timeout_ms = timeout_ms};

	return read_object(x, project, path, &call, out);
}

static enum err
flow_send_or_start(const struct context *x, const struct flow *flow, const char *path,
		   struct call *call, struct call_reply *reply, struct call_pending **pending)
{
	struct credentials credentials;
	struct buf target;
	enum err err;

	*reply = (struct call_reply){.status = 0};
	buf_init(&target, FLOW_DIRECTORY_MAX + FLOW_NAME_MAX + 64);
	credentials_find(x, &credentials);
	if (credentials.authorization[0] != '\0') {
		call_header(call, "Authorization", credentials.authorization);
		call->session = false;
	}
	buf_printf(&target, "%s%s%s", path, flow->query[0] == '\0' ? "" : "?", flow->query);
	call->target = buf_text(&target);
	err = target.err != ERR_OK ? target.err : project_send(x, flow, call, reply, pending);
	credentials_wipe(&credentials);
	buf_free(&target);
	return err;
}

enum err
opencode_flow_send(const struct context *x, const struct flow *flow, const char *path,
		   struct call *call, struct call_reply *reply)
{
	return flow_send_or_start(x, flow, path, call, reply, NULL);
}

enum err
opencode_flow_start(const struct context *x, const struct flow *flow, const char *path,
		    struct call *call, struct call_reply *reply, struct call_pending **out)
{
	return flow_send_or_start(x, flow, path, call, reply, out);
}

bool
opencode_unreached(const struct call_reply *reply)
{
	return reply->status == 502;
}

enum err
opencode_reply_err(enum err err, const struct call_reply *reply)
{
	if (err != ERR_OK || reply->status == 200)
		return err;
	return reply->status == 401 ? ERR_CREDENTIALS : ERR_OPENCODE_ANSWER;
}

enum err
opencode_reply_json(enum err err, const struct call_reply *reply, json_t **out)
{
	*out = NULL;
	if ((err = opencode_reply_err(err, reply)) != ERR_OK)
		return err;
	*out = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	if (json_is_object(*out))
		return ERR_OK;
	json_decref(*out);
	*out = NULL;
	return ERR_OPENCODE_ANSWER;
}

enum err
opencode_reload(const struct context *x, const struct flow *flow)
{
	struct call call = {.method = "POST", .body = "", .body_len = 0};
	struct call_reply reply;
	enum err err = opencode_flow_send(x, flow, "/instance/dispose", &call, &reply);

	err = opencode_reply_err(err, &reply);
	call_reply_free(&reply);
	return err;
}
