/*
 * The callback: proves that a redirect answers a sign-in that this site began, in this browser,
 * now, once; then delivers it.
 */
#ifndef CALLBACK_ROUTE_H
#define CALLBACK_ROUTE_H

#include "core/context.h"

/* GET on one of callback_paths. */
void callback_route_get(struct context *x);

#endif
