/*
 * Finishes a flow: checks issuer and credentials, claims, delivers.
 */
#ifndef FINISH_H
#define FINISH_H

#include "core/context.h"
#include "signin/authorization_response.h"

/*
 * Checks issuer and credentials, claims and delivers, for a flow that waits and belongs to this
 * browser. ERR_OK: delivered, or the flow was claimed by somebody faster or has expired; the flow
 * page shows the result. Any error: the flow still waits, and opencode got nothing.
 * ERR_ISSUER_UNSURE: the response names a host that nobody has paired with the provider's; ask the
 * user, and call again with issuer_confirmed.
 */
enum err
finish_waiting(struct context *x, const struct snapshot *snap,
	       const struct authorization_response *response, bool issuer_confirmed) MUST_CHECK;

#endif
