/*
 * The relay: the one redirect URI that a provider knows for any number of opencodes
 * under other names. What comes there goes on to the callback of the site that its
 * state belongs to, as the configuration names it.
 */
#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H

#include "core/context.h"

/*
 * GET on RELAY_PATH, where there are sections [relay-site ID]: 303 to the
 * site's target, with the query as it came and the site's own state in it. Keeps
 * nothing, and asks nobody.
 */
void relay_route_get(struct context *x);

#endif
