/*
 * One delivery on its way, and the steps that several kinds of flows share.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include "core/context.h"
#include "opencode/call.h"
#include "signin/authorization_response.h"

/* How a delivery went. */
struct outcome {
	enum err err; /* ERR_OPENCODE_DOWN: nothing was sent, release the claim; else ERR_OK */
	enum flow_state state; /* FLOW_DELIVERING: a step was taken, the verdict is due */
	enum flow_reason reason;
};

/* One delivery on its way. */
struct delivery {
	struct context *x;
	const struct flow *flow;
	const struct authorization_response *cb;
	int64_t deadline_ms; /* on the monotonic clock */
	struct outcome outcome;
};

/* Milliseconds that are left for the next step; a few hundred at least. */
int delivery_left_ms(const struct delivery *d);

/* Waits a moment before the next look at a verdict that is due. False: the time is over. */
bool delivery_pause(const struct delivery *d);

void delivery_fail(struct delivery *d, enum flow_reason reason);

/* GETs the redirect URI with the callback's query, word for word. Release reply in any case. */
enum err delivery_redirect(struct delivery *d, int timeout_ms, struct call_reply *reply) MUST_CHECK;

/* What the listener's answer means: FLOW_DELIVERING stays if it took the redirect. */
void delivery_judge(struct delivery *d, enum err err, const struct call_reply *reply);

/*
 * The redirect, word for word, to the listener that the flow's redirect URI
 * names; a token as the JSON that the listener's own page would post. Outcome:
 * FLOW_DELIVERING if the listener took it.
 */
void delivery_listener(struct delivery *d);

#endif
