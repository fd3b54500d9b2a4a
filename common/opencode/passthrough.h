/*
 * Passes calls of opencode's own API through: forwards the request, and answers as opencode did.
 */
#ifndef PASSTHROUGH_H
#define PASSTHROUGH_H

#include "core/context.h"
#include "opencode/call.h"

/*
 * Forwards the request with this body (NULL: none), so that opencode's own authentication decides,
 * and also whether it challenges the browser. Cookies go along without ours, and none if they
 * have more than HEADER_MAX bytes: opencode would drop so long a head. session: opencode may know
 * the browser by a cookie of its own, which goes along alone; opencode takes it only with the
 * browser's Host header, and without the Origin header of our own pages. Errors of call_send(),
 * ERR_TOO_LARGE. Release reply in any case.
 */
enum err passthrough_send(struct context *x, const struct buf *body, bool session,
			  struct call_reply *reply) MUST_CHECK;

/* Answers as opencode did. If json is not NULL, it replaces the body. */
void passthrough_respond(struct context *x, const struct call_reply *reply, const char *json);

#endif
