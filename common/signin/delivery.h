/*
 * A delivery in progress, and the steps that several kinds of flows share.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <jansson.h>

#include "core/context.h"
#include "opencode/call.h"
#include "signin/authorization_response.h"

/* The result of a delivery. */
struct outcome {
	enum err err;	       /* not ERR_OK: nothing was sent, release the claim */
	enum flow_state state; /* FLOW_DELIVERING: handed over, the verdict is still to come */
	enum flow_reason reason;
	int status; /* of opencode's reply that gave the verdict, for the log; 0: there is none */
};

/* A delivery in progress. */
struct delivery {
	struct context *x;
	const struct flow *flow;
	const struct authorization_response *response;
	int64_t deadline_ms; /* on the monotonic clock */
	int pause_ms;	     /* the last pause between two checks for the verdict; 0: none yet */
	struct outcome outcome;
};

/* Returns the milliseconds left for the next step, at least a few hundred. */
int delivery_left_ms(const struct delivery *d);

/* Waits before the next check for the verdict, each time twice as long up to a limit. False: the
 * time is over. */
bool delivery_pause(struct delivery *d);

/* Sets the outcome to FLOW_FAILED, with this reason. */
void delivery_fail(struct delivery *d, enum flow_reason reason);

/* GETs the redirect URI from its listener, with the query of the response unchanged. Errors of
 * opencode_listener_send(), ERR_TOO_LARGE. Release reply in any case. */
enum err delivery_redirect(struct delivery *d, int timeout_ms, struct call_reply *reply) MUST_CHECK;

/*
 * POSTs a JSON body that holds a code to opencode, for the flow, and wipes it. path has no query.
 * Takes json; NULL is ERR_MEMORY. ERR_OPENCODE_DOWN also if the plugin did not reach opencode.
 * Other errors of opencode_flow_send(). Release reply in any case.
 */
enum err delivery_post(const struct delivery *d, const char *path, json_t *json,
		       struct call_reply *reply) MUST_CHECK;

/* Sets the outcome from the listener's reply: stays FLOW_DELIVERING if it took the redirect. */
void delivery_judge(struct delivery *d, enum err err, const struct call_reply *reply);

/*
 * Sends the redirect, unchanged, to the listener that the flow's redirect URI names. Sends a
 * token as the JSON that the listener's own page would post. The outcome stays FLOW_DELIVERING if
 * the listener took it. Release reply in any case.
 */
void delivery_listener(struct delivery *d, struct call_reply *reply);

#endif
