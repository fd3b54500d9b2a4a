/*
 * The calls of opencode's own API that begin a sign-in, sent by its web UI or by
 * a program: forwarded, recorded, answered in opencode's own form.
 */
#ifndef BEGIN_ROUTE_H
#define BEGIN_ROUTE_H

#include "core/context.h"

void begin_route_provider(struct context *x);
void begin_route_mcp(struct context *x);

/*
 * POST /mcp/{name}/auth/authenticate, the button of opencode's web UI: opencode
 * would open a browser on its own machine and wait. Instead the sign-in begins
 * here, and the UI is told where to go on: it shows that as a message. Clicked
 * once more afterwards, it finds the server connected.
 */
void begin_route_mcp_button(struct context *x);

void begin_route_integration(struct context *x);

/* The same paths with another method, such as a CORS preflight: sent on as it came, answered as
 * opencode answers. */
void begin_route_other(struct context *x);

#endif
