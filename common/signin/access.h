/*
 * Decides which flows a request may see: only those bound to the browser that it comes from.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "core/context.h"

/* What the sender of a request is to a flow. */
enum claimant {
	CLAIMANT_OWNER, /* the browser that the flow is bound to, perhaps only now */
	CLAIMANT_ASK,	/* the flow is bound to no browser: ask the visitor */
	CLAIMANT_OTHER, /* somebody else: treat the flow as unknown */
};

/* Finds a flow of this site, and what the sender of the request is to it. Binds the flow if the
 * browser sends the cookie that it was offered. ERR_UNKNOWN_FLOW, ERR_STORE. */
enum err access_find(struct context *x, const char *id, struct snapshot *snap,
		     enum claimant *who) MUST_CHECK;

#endif
