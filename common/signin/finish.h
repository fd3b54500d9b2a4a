/*
 * Finishing a flow: issuer, credentials, claim, delivery.
 */
#ifndef FINISH_H
#define FINISH_H

#include "core/context.h"
#include "signin/authorization_response.h"

/*
 * Issuer, credentials, claim, delivery, for a flow that waits and belongs to
 * this browser. ERR_OK: delivered or lost to somebody who was faster; the flow
 * page tells how it went. Any error: the flow still waits, opencode got nothing.
 */
enum err finish_waiting(struct context *x, const struct snapshot *snap,
			const struct authorization_response *cb) MUST_CHECK;

#endif
