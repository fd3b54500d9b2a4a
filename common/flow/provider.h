/*
 * How opencode's providers differ from one another, as measured with opencode
 * 1.18. One that differs anew is one more row in habit.c.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stdbool.h>

#include "flow/flow.h"

#define LISTENER_SECONDS 300 /* how long opencode's listeners usually wait */

/* How a pending sign-in is ended at its listener. */
enum cancel {
	CANCEL_NOT,	/* it cannot be, or need not */
	CANCEL_PATH,	/* GET /cancel */
	CANCEL_ERROR,	/* GET the redirect URI with an error */
	CANCEL_TOKEN,	/* POST an error to /auth/token */
	CANCEL_ATTEMPT, /* DELETE the attempt, in opencode's own API */
};

struct provider {
	const char *provider;
	int seconds;	   /* how long its listener waits; 0: LISTENER_SECONDS */
	int finish_ms;	   /* what the finishing call may take; 0: what is left of CALL_TOTAL_MS */
	const char *needs; /* an input without which a begin is refused, or NULL */
	enum cancel cancel;
	bool cancel_late;    /* a begin beside a pending one is refused, and disturbs nothing */
	bool exchanges_each; /* every finishing call exchanges the code, of which one can succeed */
	bool finish_first;   /* its listener answers only while a finishing call waits */
};

/* Never NULL. */
const struct provider *provider_of(const struct flow *flow);

#endif
