/*
 * Handles the calls of opencode's own API that begin a sign-in, sent by its web UI or by a
 * program: passes them on, records the flow, answers in opencode's own format.
 */
#ifndef BEGIN_ROUTE_H
#define BEGIN_ROUTE_H

#include "core/context.h"

/* Handle POST /provider/{id}/oauth/authorize and POST /mcp/{name}/auth. */
void begin_route_provider(struct context *x);
void begin_route_mcp(struct context *x);

/*
 * Handles POST /mcp/{name}/auth/authenticate, the button of opencode's web UI. opencode would
 * open a browser on its own machine and wait. Instead, this begins the sign-in and responds with
 * an error text that says where to go on, which the UI shows. A click after the sign-in finds the
 * server connected.
 */
void begin_route_mcp_button(struct context *x);

/* Handles POST /api/integration/{id}/connect/oauth. */
void begin_route_integration(struct context *x);

/* Handles the same paths with another method, such as a CORS preflight: passes request and response
 * on unchanged. */
void begin_route_other(struct context *x);

#endif
