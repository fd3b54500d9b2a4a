/*
 * Which flows a request may see: the browser that a flow is bound to, and nobody else.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "core/context.h"

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

#endif
