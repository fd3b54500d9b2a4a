/*
 * Ends older sign-ins in favour of a newer one: opencode keeps one pending of each, and an older
 * one could still end the newer.
 */
#ifndef SUPERSEDE_H
#define SUPERSEDE_H

#include "core/context.h"

/* A begin that may replace older ones. */
struct newcomer {
	struct context *x;
	const struct flow *flow;       /* the sign-in that begins */
	const struct store_keys *keys; /* its keys in the store */
	const struct buf *body;	       /* what the begin sends to opencode */
	bool cancelled;		       /* the listener of an older sign-in was told to cancel */
	bool foreign;		       /* somebody else's attempt at the same was left alone */
};

/*
 * Supersedes older sign-ins, then tells their listeners to cancel; sets cancelled if there were
 * any. Does so only if opencode lets this caller in and would accept the begin. An attempt in the
 * integration API is left alone if it is somebody else's; sets foreign. Errors of call_send(),
 * ERR_STORE.
 */
enum err supersede_cancel(struct newcomer *b) MUST_CHECK;

/*
 * Supersedes the waiting flows of the same group or slot, except the one with the id keep. Of
 * attempts in the integration API, which can wait side by side, only those of the same browser,
 * which are cancelled in opencode too, and what waited at the same listener.
 */
void supersede_waiting(const struct newcomer *b, const char *keep);

#endif
