/*
 * Delivery of a claimed callback to opencode, and its verdict.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "exchange.h"

/* How a delivery stands. */
struct outcome {
	enum err err; /* ERR_OPENCODE_DOWN: nothing was sent, release the claim; else ERR_OK */
	enum flow_state state; /* FLOW_DELIVERING: the listener took it, the verdict is due */
	enum flow_reason reason;
	int left_ms; /* of HTTP_TOTAL_MS */
};

/* First step: the redirect, word for word, to the listener that opencode holds open for it. */
void deliver_listener(struct exchange *x, const struct flow *flow, const char *raw_query,
		      bool declined, struct outcome *out);

/*
 * Second step: the call that makes opencode store the tokens. Exactly one per
 * flow, ever. Its answer is the true verdict; the listener's own page says
 * "successful" even where the token exchange fails.
 */
void deliver_finish(struct exchange *x, const struct flow *flow, struct outcome *out);

#endif
