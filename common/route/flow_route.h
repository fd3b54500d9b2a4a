/*
 * The pages of a flow and what they send.
 */
#ifndef FLOW_ROUTE_H
#define FLOW_ROUTE_H

#include "core/context.h"

/* GET and POST {prefix}/flow/{id}, GET {prefix}/flow/{id}/status. */
void flow_get(struct exchange *x);
void flow_post(struct exchange *x);
void flow_status_get(struct exchange *x);

/* Answers 200 with the ask page; callback is the raw query to finish with, or NULL. */
void answer_ask(struct exchange *x, const struct snapshot *snap, const char *callback);

#endif
