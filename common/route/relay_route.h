/*
 * The relay: one redirect URI, registered with a provider, for any number of opencodes under
 * other names. Redirects each authorization response to the callback, as configured, of the
 * site that its state belongs to.
 */
#ifndef RELAY_ROUTE_H
#define RELAY_ROUTE_H

#include "core/context.h"

/*
 * Handles GET on RELAY_PATH, if there are sections [relay-site ID]: responds 303 to the site's
 * target, with the query unchanged except for the state, which is the site's own again. Stores
 * nothing, and calls no other server.
 */
void relay_route_get(struct context *x);

#endif
