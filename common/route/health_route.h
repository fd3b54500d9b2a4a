/*
 * Handles GET {prefix}/health: one word for everybody, more for those whom opencode lets in.
 */
#ifndef HEALTH_ROUTE_H
#define HEALTH_ROUTE_H

#include "core/context.h"

#define HEALTH_SECONDS 2 /* opencode is asked at most once in this time */

void health_route_get(struct context *x);

#endif
