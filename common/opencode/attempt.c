#include "opencode/attempt.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "opencode/api/api_find.h"
#include "opencode/credentials.h"
#include "opencode/opencode.h"
#include "util/json.h"
#include "util/secret.h"

#define ASK_MS	  2000
#define CANCEL_MS 2000

/* A question about an attempt, and its answer. */
struct question {
	const struct flow *flow;
	const char *method;
	const char *suffix; /* of the path */
	const char *body;   /* NULL: none */
	int timeout_ms;
	bool for_visitor; /* with the visitor's own credentials only */
	enum attempt_status status;
	bool unreached; /* opencode did not get it */
};

static enum attempt_status
read_status(const json_t *json)
{
	static const char *const words[] = {[ATTEMPT_PENDING] = "pending",
					    [ATTEMPT_COMPLETE] = "complete",
					    [ATTEMPT_FAILED] = "failed",
					    [ATTEMPT_EXPIRED] = "expired"};
	const char *word =
	    json_string_value(json_object_get(json_object_get(json, "data"), "status"));

	for (int i = ATTEMPT_PENDING; word != NULL && i <= ATTEMPT_EXPIRED; i++)
		if (strcmp(words[i], word) == 0)
			return (enum attempt_status)i;
	return ATTEMPT_UNKNOWN;
}

/* Returns whether opencode says that it does not know the attempt, by an empty 500 in some
 * versions. Any other 404 says that it does not know the path. */
static bool
says_unknown(const struct call_reply *reply)
{
	const char *tag;
	json_t *json;
	bool says;

	if (reply->status != 404)
		return reply->status == 500;
	json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	tag = json_string_value(json_object_get(json, "_tag"));
	says = tag != NULL && (strcmp(tag, "IntegrationAttemptNotFoundError") == 0 ||
			       strcmp(tag, "IntegrationNotFoundError") == 0);
	json_decref(json);
	return says;
}

/* Reads the reply. That to a deletion is 204. */
static enum err
read_reply(struct question *q, enum err err, const struct call_reply *reply)
{
	json_t *json;

	if (err != ERR_OK)
		return err;
	q->unreached = opencode_unreached(reply);
	if (reply->status == 204 || says_unknown(reply))
		return ERR_OK;
	if ((err = opencode_reply_json(err, reply, &json)) == ERR_OK)
		q->status = read_status(json);
	json_decref(json);
	return err;
}

static enum err
ask(const struct context *x, const struct opencode_api *api, void *ctx)
{
	struct question *q = ctx;
	struct call call = {.method = q->method,
			    .session = api->sessions,
			    .timeout_ms = q->timeout_ms,
			    .body = q->body,
			    .body_len = q->body == NULL ? 0 : strlen(q->body)};
	struct call_reply reply = {.status = 0};
	struct buf path;
	enum err err;

	buf_init(&path, FLOW_NAME_MAX + FLOW_ATTEMPT_MAX + 64);
	api->attempt_path(q->flow, &path);
	buf_puts(&path, q->suffix);
	if ((err = path.err) == ERR_OK) {
		err = q->for_visitor
			  ? opencode_visitor_send(x, q->flow, buf_text(&path), &call, &reply)
			  : opencode_flow_send(x, q->flow, buf_text(&path), &call, &reply);
		err = read_reply(q, err, &reply);
	}
	call_reply_free(&reply);
	buf_free(&path);
	return err;
}

enum err
attempt_ask(const struct context *x, const struct flow *flow, int timeout_ms,
	    enum attempt_status *out)
{
	struct question q = {.flow = flow, .method = "GET", .suffix = "", .timeout_ms = timeout_ms};
	enum err err = api_find_run(x, ask, &q);

	*out = q.status;
	/* opencode answered, but not with a status */
	return err == ERR_OPENCODE_ANSWER ? ERR_OK : err;
}

enum err
attempt_complete(const struct context *x, const struct flow *flow, const char *code, int timeout_ms)
{
	json_t *json = json_pack("{s:s}", "code", code);
	char *body = json_write(json);
	struct question q = {.flow = flow,
			     .method = "POST",
			     .suffix = "/complete",
			     .body = body,
			     .timeout_ms = timeout_ms};
	enum err err = body == NULL ? ERR_MEMORY : api_find_run(x, ask, &q);

	if (body != NULL)
		secret_wipe(body, strlen(body));
	free(body);
	json_decref(json);
	return err == ERR_OPENCODE_ANSWER && q.unreached ? ERR_OPENCODE_DOWN : err;
}

enum err
attempt_cancel(const struct context *x, const struct flow *flow)
{
	struct question q = {.flow = flow,
			     .method = "DELETE",
			     .suffix = "",
			     .timeout_ms = CANCEL_MS,
			     .for_visitor = true};

	return api_find_run(x, ask, &q);
}

bool
attempt_credentials_suffice(const struct context *x, const struct flow *flow)
{
	enum attempt_status status;

	if (credentials_suffice(x, flow))
		return true;
	return flow->kind == KIND_INTEGRATION && opencode_has_session(x) &&
	       attempt_ask(x, flow, ASK_MS, &status) != ERR_CREDENTIALS;
}
