#include "signin/deliver_integration.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "opencode/opencode.h"

enum verdict { VERDICT_PENDING, VERDICT_COMPLETE, VERDICT_FAILED, VERDICT_NONE };

static enum verdict
read_verdict(const struct call_reply *reply)
{
	json_t *json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	const char *status =
	    json_string_value(json_object_get(json_object_get(json, "data"), "status"));
	enum verdict verdict = VERDICT_NONE;

	if (status != NULL && strcmp(status, "pending") == 0)
		verdict = VERDICT_PENDING;
	else if (status != NULL && strcmp(status, "complete") == 0)
		verdict = VERDICT_COMPLETE;
	else if (status != NULL && strcmp(status, "failed") == 0)
		verdict = VERDICT_FAILED;
	json_decref(json);
	return verdict;
}

/* Asks how the attempt went until opencode knows, or the time is over. */
static void
await_attempt(struct delivery *d)
{
	struct call_reply reply = {.status = 0};
	enum verdict verdict = VERDICT_NONE;
	char path[FLOW_ATTEMPT_MAX + 40];
	int status = 0;

	snprintf(path, sizeof(path), "/api/integration/attempt/%s", d->flow->attempt);
	do {
		struct call call = {.method = "GET", .timeout_ms = delivery_left_ms(d)};
		enum err err;

		call_reply_free(&reply);
		err = opencode_flow_send(d->x, d->flow, path, &call, &reply);
		status = err == ERR_OK ? reply.status : 0;
		verdict = status == 200 ? read_verdict(&reply) : VERDICT_NONE;
	} while (verdict == VERDICT_PENDING && delivery_pause(d));
	call_reply_free(&reply);
	if (verdict == VERDICT_FAILED)
		delivery_fail(d, REASON_REFUSED_BY_PROVIDER);
	else if (status == 401)
		delivery_fail(d, REASON_OPENCODE_AUTH);
	else
		d->outcome = (struct outcome){
		    .state = FLOW_DONE,
		    .reason = verdict == VERDICT_COMPLETE ? REASON_NONE : REASON_UNCONFIRMED};
}

void
deliver_integration(struct delivery *d)
{
	delivery_listener(d);
	if (d->outcome.err == ERR_OK && d->outcome.state == FLOW_DELIVERING)
		await_attempt(d);
}
