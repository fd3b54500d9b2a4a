/*
 * What a newer sign-in takes the place of: opencode keeps one pending of each,
 * and the older one could still end the newer.
 */
#ifndef SUPERSEDE_H
#define SUPERSEDE_H

#include "signin/begin.h"

/*
 * Tells the listeners of older sign-ins that those are over, and supersedes them
 * first; b->cancelled says whether there were any. Only if opencode lets this
 * caller in and would accept the begin. Errors of call_send().
 */
enum err supersede_cancel(struct begin *b) MUST_CHECK;

/* Supersedes the flows that wait in the same group or slot, but not `keep`. */
void supersede_waiting(struct begin *b, const char *keep);

#endif
