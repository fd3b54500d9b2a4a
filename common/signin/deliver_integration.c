#include "signin/deliver_integration.h"

#include "opencode/attempt.h"
#include "util/clock.h"

#define LOOK_MS 1500 /* for an attempt to end after its listener refused the response */

/* Asks how the attempt went until opencode knows, or the time is over. */
static enum err
await_attempt(struct delivery *d, enum attempt_status *status)
{
	enum err err;

	do
		err = attempt_ask(d->x, d->flow, delivery_left_ms(d), status);
	while (err == ERR_OK && *status == ATTEMPT_PENDING && delivery_pause(d));
	return err;
}

/*
 * Sets the outcome from what opencode says of the attempt, because the listener's own page says
 * "successful" before the exchange. If opencode says nothing, what the listener said stands:
 * d->outcome is still as delivery_judge() left it.
 */
static void
judge_attempt(struct delivery *d)
{
	bool taken = d->outcome.state == FLOW_DELIVERING;
	int64_t soon = clock_monotonic_ms() + LOOK_MS;
	enum attempt_status status;
	enum err err;

	if (!taken && soon < d->deadline_ms)
		d->deadline_ms = soon;
	err = await_attempt(d, &status);
	if (err == ERR_OK && status == ATTEMPT_COMPLETE)
		d->outcome = (struct outcome){.state = FLOW_DONE};
	else if (err == ERR_OK && (status == ATTEMPT_FAILED || status == ATTEMPT_EXPIRED))
		delivery_fail(d, status == ATTEMPT_FAILED ? REASON_REFUSED_BY_PROVIDER
							  : REASON_LISTENER_GONE);
	else if (taken && err == ERR_CREDENTIALS)
		delivery_fail(d, REASON_OPENCODE_AUTH);
	else if (taken)
		d->outcome = (struct outcome){.state = FLOW_DONE, .reason = REASON_UNCONFIRMED};
}

/* Sends the code that was copied. How the exchange went, the attempt tells. */
static void
send_code(struct delivery *d)
{
	enum err err = attempt_complete(d->x, d->flow, d->response->raw, delivery_left_ms(d));

	if (err == ERR_OPENCODE_DOWN || err == ERR_MEMORY)
		d->outcome.err = err; /* nothing was sent */
	else if (err == ERR_CREDENTIALS)
		delivery_fail(d, REASON_OPENCODE_AUTH);
	else if (err == ERR_OPENCODE_ANSWER)
		delivery_fail(d, REASON_REFUSED_BY_PROVIDER);
	else if (err != ERR_OK && err != ERR_OPENCODE_TIMEOUT)
		delivery_fail(d, REASON_OPENCODE_GONE);
}

void
deliver_integration(struct delivery *d)
{
	struct call_reply reply;

	if (d->flow->typed) {
		send_code(d);
	} else {
		delivery_listener(d, &reply);
		call_reply_free(&reply);
	}
	if (d->outcome.err == ERR_OK && d->outcome.state != FLOW_DECLINED)
		judge_attempt(d);
}
