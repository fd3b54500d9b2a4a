/*
 * Asks opencode about an attempt of the integration API, which is its side of a flow of
 * KIND_INTEGRATION.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "core/context.h"

enum attempt_status {
	ATTEMPT_UNKNOWN, /* opencode does not know it, or no longer */
	ATTEMPT_PENDING,
	ATTEMPT_COMPLETE, /* opencode has the tokens */
	ATTEMPT_FAILED,
	ATTEMPT_EXPIRED,
};

/* Asks for its status, with the credentials of the flow's finishing calls. ERR_CREDENTIALS; errors
 * of call_send(). */
enum err attempt_ask(const struct context *x, const struct flow *flow, int timeout_ms,
		     enum attempt_status *out) MUST_CHECK;

/* Ends it with a code that the user copied; opencode exchanges that, and answers how it went only
 * to attempt_ask(). ERR_OPENCODE_ANSWER: it refused; errors as above. */
enum err attempt_complete(const struct context *x, const struct flow *flow, const char *code,
			  int timeout_ms) MUST_CHECK;

/* Deletes it, for the visitor: opencode stops waiting, and closes its listener. Errors as above. */
enum err attempt_cancel(const struct context *x, const struct flow *flow) MUST_CHECK;

/*
 * Returns whether the request has credentials for the flow's calls to opencode, if the flow began
 * with some: its own or those of password_file (see credentials_suffice()), or cookies with which
 * opencode lets it ask for the attempt.
 */
bool attempt_credentials_suffice(const struct context *x, const struct flow *flow);

#endif
