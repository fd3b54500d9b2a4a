/*
 * Delivers a validated authorization response to opencode.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "signin/delivery.h"

/*
 * Delivers the response in the way of the flow's kind, and fills in the outcome. Takes at most
 * CALL_TOTAL_MS, unless a step has a longer limit of its own. At most one of the calls passes the
 * code to somebody who can redeem it.
 */
void deliver(struct delivery *d);

#endif
