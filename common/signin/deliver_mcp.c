#include "signin/deliver_mcp.h"

#include <stdio.h>
#include <string.h>

#include "opencode/connected.h"
#include "opencode/opencode.h"

#define LISTENER_MS 5000 /* the listener answers at once, or not at all */

/* Sets the outcome from what opencode says of a server: "connected", "needs_auth", "failed", … */
static void
read_status(struct delivery *d, const char *status)
{
	d->outcome.state = FLOW_DONE;
	d->outcome.reason = REASON_NONE;
	if (status == NULL)
		d->outcome.reason = REASON_UNCONFIRMED;
	else if (strcmp(status, "connected") != 0)
		delivery_fail(d, REASON_REFUSED_BY_PROVIDER);
}

/*
 * Waits for the verdict after the listener took the response. The listener passes it to the call
 * that has waited inside opencode since somebody clicked there. That call exchanges the code; the
 * server's status is its verdict.
 */
static void
await_status(struct delivery *d)
{
	char status[32] = "";

	do {
		if (connected_mcp(d->x, d->flow, status, sizeof(status)) != ERR_OK)
			status[0] = '\0';
	} while (strcmp(status, "connected") != 0 && strcmp(status, "failed") != 0 &&
		 delivery_pause(d));
	read_status(d, status[0] == '\0' ? NULL : status);
}

static void
verdict(struct delivery *d, enum err err, const struct call_reply *reply)
{
	json_t *json;

	if ((err == ERR_OPENCODE_DOWN || err == ERR_MEMORY) && d->flow->direct) {
		d->outcome.err = err; /* nothing was sent */
	} else if (err == ERR_OPENCODE_TIMEOUT) {
		d->outcome = (struct outcome){.state = FLOW_DONE, .reason = REASON_UNCONFIRMED};
	} else if (err != ERR_OK) {
		delivery_fail(d, REASON_OPENCODE_GONE);
	} else if (reply->status == 401) {
		delivery_fail(d, REASON_OPENCODE_AUTH);
	} else if (reply->status != 200) {
		delivery_fail(d, REASON_LISTENER_GONE);
	} else {
		json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
		read_status(d, json_string_value(json_object_get(json, "status")));
		json_decref(json);
	}
}

/* Sends the code to opencode, which checks no state here; we did (RFC 9700 section 4.7.1). Some
 * builds want the state and the issuer too, the others pass over them. */
static void
send_code(struct delivery *d)
{
	const struct query *q = &d->response->query;
	json_t *json = json_pack("{s:s, s:s*, s:s*}", "code", query_get(q, "code"), "state",
				 query_get(q, "state"), "iss", query_get(q, "iss"));
	struct call_reply reply;
	char path[FLOW_NAME_MAX + 32];
	enum err err;

	snprintf(path, sizeof(path), "/mcp/%s/auth/callback", d->flow->provider);
	err = delivery_post(d, path, json, &reply);
	verdict(d, err, &reply);
	call_reply_free(&reply);
}

void
deliver_mcp(struct delivery *d)
{
	struct call_reply reply = {.status = 0};
	enum err err = ERR_OK;

	if (d->response->declined) {
		d->outcome.state = FLOW_DECLINED;
		return;
	}
	if (!d->flow->direct)
		err = delivery_redirect(d, LISTENER_MS, &reply);
	if (err == ERR_OPENCODE_DOWN)
		d->outcome.err = err; /* nothing was sent */
	else if (err == ERR_OK && reply.status == 200)
		await_status(d);
	else
		send_code(d);
	call_reply_free(&reply);
}
