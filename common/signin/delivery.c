#include "signin/delivery.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow/url.h"
#include "opencode/opencode.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/secret.h"

#define LEFT_MIN_MS  500 /* each step gets at least this */
#define PAUSE_MIN_MS 10	 /* between the first two checks for a verdict */
#define PAUSE_MAX_MS 200 /* between two later ones */
#define TOKEN_TARGET "/auth/token"

int
delivery_left_ms(const struct delivery *d)
{
	int64_t left = d->deadline_ms - clock_monotonic_ms();

	return left > LEFT_MIN_MS ? (int)left : LEFT_MIN_MS;
}

bool
delivery_pause(struct delivery *d)
{
	int ms = d->pause_ms == 0 ? PAUSE_MIN_MS : d->pause_ms * 2;
	struct timespec pause;

	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	d->pause_ms = ms;
	if (clock_monotonic_ms() + ms >= d->deadline_ms)
		return false;
	pause = (struct timespec){.tv_nsec = ms * 1000000L};
	nanosleep(&pause, NULL);
	return true;
}

void
delivery_fail(struct delivery *d, enum flow_reason reason)
{
	d->outcome.state = FLOW_FAILED;
	d->outcome.reason = reason;
}

/* Appends the path at which the listener waits. Behind a public redirect URI that is the URI's
 * own, mount point included; a relay's URI is the relay's. */
static enum err
add_path(const struct delivery *d, struct buf *target)
{
	struct url via;
	enum err err;

	if (!flow_relayed(d->flow))
		return buf_printf(target, "%s%s", d->flow->direct ? d->x->request->mount : "",
				  d->flow->redirect_path);
	if ((err = url_parse(d->x->app->config->relay_via, &via)) == ERR_OK) {
		err = buf_puts(target, via.path);
		url_free(&via);
	}
	return err;
}

enum err
delivery_redirect(struct delivery *d, int timeout_ms, struct call_reply *reply)
{
	struct call call = {.method = "GET", .timeout_ms = timeout_ms};
	struct buf target;
	enum err err;

	*reply = (struct call_reply){.status = 0};
	buf_init(&target, PATH_MAX + QUERY_MAX + 2);
	if ((err = add_path(d, &target)) == ERR_OK)
		err = buf_printf(&target, "?%s", d->response->raw);
	call.target = buf_text(&target);
	if (err == ERR_OK)
		err = opencode_listener_send(d->x, d->flow, &call, reply);
	buf_free(&target);
	return err;
}

/* Returns a fragment as the JSON that the listener's own page would post, or NULL. Wipe and free
 * it. */
static char *
token_json(const struct query *q)
{
	json_t *json = json_pack(
	    "{s:s*, s:s*, s:s*, s:s*, s:s*}", "access_token", query_get(q, "access_token"),
	    "expires_in", query_get(q, "expires_in"), "state", query_get(q, "state"), "error",
	    query_get(q, "error"), "error_description", query_get(q, "error_description"));
	char *text = json_write(json);

	json_decref(json);
	return text;
}

static enum err
send_token(struct delivery *d, struct call_reply *reply)
{
	struct call call = {
	    .method = "POST", .target = TOKEN_TARGET, .timeout_ms = delivery_left_ms(d)};
	char *body = token_json(&d->response->query);
	enum err err = ERR_MEMORY;

	*reply = (struct call_reply){.status = 0};
	if (body != NULL) {
		call.body = body;
		call.body_len = strlen(body);
		err = opencode_listener_send(d->x, d->flow, &call, reply);
		secret_wipe(body, strlen(body));
	}
	free(body);
	return err;
}

enum err
delivery_post(const struct delivery *d, const char *path, json_t *json, struct call_reply *reply)
{
	char *body = json_write(json);
	struct call call = {.method = "POST", .body = body, .timeout_ms = delivery_left_ms(d)};
	enum err err = ERR_MEMORY;

	*reply = (struct call_reply){.status = 0};
	if (body != NULL) {
		call.body_len = strlen(body);
		err = opencode_flow_send(d->x, d->flow, path, &call, reply);
		secret_wipe(body, strlen(body));
	}
	free(body);
	json_decref(json);
	return err == ERR_OK && opencode_unreached(reply) ? ERR_OPENCODE_DOWN : err;
}

void
delivery_judge(struct delivery *d, enum err err, const struct call_reply *reply)
{
	if (err == ERR_OPENCODE_DOWN || err == ERR_TOO_LARGE || err == ERR_MEMORY)
		d->outcome.err = err; /* nothing was sent */
	else if (d->response->declined)
		d->outcome.state = FLOW_DECLINED; /* however opencode replied */
	else if (err == ERR_OPENCODE_TIMEOUT)
		delivery_fail(d, REASON_TIMEOUT);
	else if (err != ERR_OK || reply->status >= 400)
		delivery_fail(d, REASON_LISTENER_GONE);
}

void
delivery_listener(struct delivery *d, struct call_reply *reply)
{
	enum err err = d->flow->response_type == RESPONSE_TYPE_TOKEN
			   ? send_token(d, reply)
			   : delivery_redirect(d, delivery_left_ms(d), reply);

	delivery_judge(d, err, reply);
}
