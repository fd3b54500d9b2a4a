/*
 * Calls of opencode's own API that go through us: sent on as they came, and
 * answered as opencode answered.
 */
#ifndef PASSTHROUGH_H
#define PASSTHROUGH_H

#include "core/context.h"
#include "opencode/call.h"

/*
 * Sends the request on with this body (NULL: none), our own cookies left out; so
 * opencode's own authentication decides. Errors of call_send(), ERR_TOO_LARGE,
 * ERR_HEADER_LONG. Release reply in any case.
 */
enum err
passthrough_send(struct context *x, const struct buf *body, struct call_reply *reply) MUST_CHECK;

/* Answers as opencode did; json, if not NULL, in the place of its body. */
void passthrough_respond(struct context *x, const struct call_reply *reply, const char *json);

#endif
