/*
 * The start page: lists what can be connected, and begins it without opencode's own window.
 */
#ifndef START_ROUTE_H
#define START_ROUTE_H

#include "core/context.h"

/* Handles GET {prefix}/. */
void start_route_get(struct context *x);

/*
 * Handles POST {prefix}/start: begins a sign-in. The form has provider=, method= and an input.KEY=
 * for each input of the method; or mcp=; or again=, the id of an ended flow of this browser.
 */
void start_route_post(struct context *x);

/* Handles POST {prefix}/adopt: address= is the authorize URL of a sign-in begun in a terminal. */
void start_route_adopt(struct context *x);

/* Responds with the start page; problem: what is wrong with an authorize URL to adopt. */
void start_route_respond(struct context *x, enum err problem);

#endif
