/*
 * The callback: checks that a redirect belongs to a sign-in that this site began in this browser,
 * and comes in time and for the first time; then delivers it.
 */
#ifndef CALLBACK_ROUTE_H
#define CALLBACK_ROUTE_H

#include "core/context.h"

/* Handles GET on each of callback_paths. */
void callback_route_get(struct context *x);

#endif
