/*
 * What a newer sign-in takes the place of: opencode keeps one pending of each,
 * and the older one could still end the newer.
 */
#ifndef SUPERSEDE_H
#define SUPERSEDE_H

#include "core/context.h"

/* A begin that may take the place of older ones. */
struct newcomer {
	struct context *x;
	const struct flow *flow;       /* what is begun */
	const struct store_keys *keys; /* and how it is found */
	const struct buf *body;	       /* what the begin sends to opencode */
	bool cancelled;		       /* an older sign-in's listener was told that it is over */
};

/*
 * Tells the listeners of older sign-ins that those are over, and supersedes them
 * first; cancelled says whether there were any. Only if opencode lets this
 * caller in and would accept the begin. Errors of call_send().
 */
enum err supersede_cancel(struct newcomer *b) MUST_CHECK;

/* Supersedes the flows that wait in the same group or slot, but not `keep`. */
void supersede_waiting(const struct newcomer *b, const char *keep);

#endif
