/*
 * The start page: what can be connected, and beginning it without opencode's own
 * window.
 */
#ifndef START_ROUTE_H
#define START_ROUTE_H

#include "core/context.h"

/* GET {prefix}/ */
void start_route_get(struct context *x);

/*
 * POST {prefix}/start: provider= and method= with input.KEY= for what the method
 * asks, or mcp=, or again= with the id of an ended flow of this browser.
 */
void start_route_post(struct context *x);

/* POST {prefix}/adopt: address= the authorize URL of a sign-in that was begun in a terminal. */
void start_route_adopt(struct context *x);

/* Answers with the start page; problem: what was wrong with an address to adopt. */
void start_route_respond(struct context *x, enum err problem);

#endif
