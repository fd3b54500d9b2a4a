/*
 * Handles the pages of a flow and the forms that they send.
 */
#ifndef FLOW_ROUTE_H
#define FLOW_ROUTE_H

#include "core/context.h"
#include "signin/authorization_response.h"

/* Handle GET and POST {prefix}/flow/{id}, and GET {prefix}/flow/{id}/status. */
void flow_route_get(struct context *x);
void flow_route_post(struct context *x);
void flow_route_status(struct context *x);

/* Responds 200 with the ask page; callback is the raw query to finish the flow with, or NULL. */
void flow_route_ask(struct context *x, const struct snapshot *snap, const char *callback);

/*
 * Finishes a flow with the response, and answers: with a redirect to its page, or with the page
 * that asks whose the issuer is that the response names. Errors of finish_waiting(), which the
 * caller answers.
 */
enum err
flow_route_finish(struct context *x, const struct snapshot *snap,
		  const struct authorization_response *response, bool issuer_confirmed) MUST_CHECK;

#endif
