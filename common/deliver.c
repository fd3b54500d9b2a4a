#include "deliver.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "opencode.h"

#define LEFT_MIN_MS 500 /* the second step has at least this */

static int
elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((now.tv_sec - since->tv_sec) * 1000 +
		     (now.tv_nsec - since->tv_nsec) / 1000000);
}

static void
fail(struct outcome *out, enum flow_reason reason)
{
	out->state = FLOW_FAILED;
	out->reason = reason;
}

void
deliver_listener(struct exchange *x, const struct flow *flow, const char *raw_query, bool declined,
		 struct outcome *out)
{
	struct timespec start;
	struct http_reply reply;
	struct buf target;
	enum err err;

	*out = (struct outcome){.state = declined ? FLOW_DECLINED : FLOW_DELIVERING};
	clock_gettime(CLOCK_MONOTONIC, &start);
	buf_init(&target, FLOW_PATH_MAX + QUERY_MAX + 2);
	buf_printf(&target, "%s?%s", flow->redirect_path, raw_query);
	if (target.err != ERR_OK) {
		out->err = target.err; /* nothing was sent */
		return;
	}
	err = listener_get(x, flow, buf_text(&target), HTTP_TOTAL_MS, &reply);
	buf_free(&target);
	out->left_ms = HTTP_TOTAL_MS - elapsed_ms(&start);
	if (err == ERR_OPENCODE_DOWN)
		out->err = err;
	else if (declined)
		; /* whatever opencode made of it, the provider has said no */
	else if (err == ERR_OPENCODE_TIMEOUT)
		fail(out, REASON_TIMEOUT);
	else if (err != ERR_OK || reply.status >= 400)
		fail(out, REASON_LISTENER_GONE);
	http_reply_free(&reply);
}

/* Whether an answer is opencode's {"name":"ProviderAuthOauthMissing",…}: no verdict, not a failure.
 */
static bool
says_missing(const struct http_reply *reply)
{
	json_t *json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	const char *name = json_string_value(json_object_get(json, "name"));
	bool missing = name != NULL && strcmp(name, "ProviderAuthOauthMissing") == 0;

	json_decref(json);
	return missing;
}

static void
verdict(struct outcome *out, enum err err, const struct http_reply *reply)
{
	out->state = FLOW_DONE;
	out->reason = REASON_NONE;
	if (err == ERR_OPENCODE_TIMEOUT)
		out->reason = REASON_UNCONFIRMED;
	else if (err != ERR_OK)
		fail(out, REASON_OPENCODE_GONE);
	else if (reply->status == 401)
		fail(out, REASON_OPENCODE_AUTH);
	else if (reply->status == 400 && says_missing(reply))
		out->reason = REASON_UNCONFIRMED;
	else if (reply->status != 200)
		fail(out, REASON_REFUSED_BY_PROVIDER);
	else if (strcmp(buf_text(&reply->body), "true") != 0)
		out->reason = REASON_UNCONFIRMED;
}

void
deliver_finish(struct exchange *x, const struct flow *flow, struct outcome *out)
{
	char path[FLOW_NAME_MAX + 40], body[32];
	struct http_call call = {.method = "POST", .body = body};
	struct http_reply reply;
	enum err err;

	snprintf(path, sizeof(path), "/provider/%s/oauth/callback", flow->provider);
	call.body_len = (size_t)snprintf(body, sizeof(body), "{\"method\":%d}", flow->method);
	call.timeout_ms = out->left_ms > LEFT_MIN_MS ? out->left_ms : LEFT_MIN_MS;
	err = flow_send(x, flow, path, &call, &reply);
	verdict(out, err, &reply);
	http_reply_free(&reply);
}
