/*
 * The callback (RFC 6749 section 4.1.2): proves that a redirect answers a
 * sign-in that this site began, in this browser, now, once; then delivers it.
 */
#ifndef AUTHORIZATION_RESPONSE_H
#define AUTHORIZATION_RESPONSE_H

#include "core/context.h"

/* The parts of a callback's query that we look at. */
struct authorization_response {
	const char *raw; /* the query or fragment as it came: this is what is delivered */
	struct query query;
	char id[FLOW_ID_LEN + 1]; /* of the flow that its state belongs to */
	bool declined;		  /* the provider said error=… */
};

/*
 * Decodes and checks what can be checked without the store: sizes, encoding,
 * duplicates, required parameters. flow: whose page it was pasted on, which
 * knows what its provider answers; NULL: an answer by redirect, with code and
 * state. raw must outlive the callback. Release with authorization_response_free() in any case.
 */
enum err authorization_response_read(struct authorization_response *cb, const char *raw,
				     const struct flow *flow) MUST_CHECK;
void authorization_response_free(struct authorization_response *cb);

/*
 * Issuer, credentials, claim, delivery, for a flow that waits and belongs to
 * this browser. ERR_OK: delivered or lost to somebody who was faster; the flow
 * page tells how it went. Any error: the flow still waits, opencode got nothing.
 */
enum err finish_waiting(struct context *x, const struct snapshot *snap,
			const struct authorization_response *cb) MUST_CHECK;

/* Who a request is to a flow. */
enum claimant {
	CLAIMANT_OWNER, /* the browser that the flow is bound to (it is bound now, if it was
			   offered) */
	CLAIMANT_ASK,	/* the flow is bound to nobody: ask */
	CLAIMANT_OTHER, /* somebody else: as if there were no such flow */
};

/*
 * Finds a flow of this site and what the sender of the request is to it. An
 * offered cookie that comes back binds. ERR_UNKNOWN_FLOW, ERR_STORE.
 */
enum err access_find(struct context *x, const char *id, struct snapshot *snap,
		     enum claimant *who) MUST_CHECK;

/* GET on one of callback_paths. */
void callback_route_get(struct context *x);

#endif
