/*
 * Delivery: a validated answer of a provider goes to opencode.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "signin/delivery.h"

/*
 * Hands the answer over in the way of the flow's kind, within CALL_TOTAL_MS, and
 * fills in the outcome. At most one call in it hands out the code where it counts.
 */
void deliver(struct delivery *d);

#endif
