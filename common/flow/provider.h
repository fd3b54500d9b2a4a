/*
 * What we know of opencode's providers, as measured with opencode 1.18: how they differ from one
 * another, what people call them, where they listen. To add a provider, add a row in provider.c.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

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
	const char *id;	   /* opencode's, such as "openai" */
	const char *name;  /* what people call it; NULL: its id */
	int port;	   /* of its listener; 0: it has none, or another one each time */
	int seconds;	   /* how long its listener waits; 0: LISTENER_SECONDS */
	int finish_ms;	   /* what the finishing call may take; 0: what is left of CALL_TOTAL_MS */
	const char *needs; /* an input without which a begin is refused, or NULL */
	enum cancel cancel;
	bool cancel_late;    /* a begin beside a pending one is refused, and disturbs nothing */
	bool exchanges_each; /* every finishing call exchanges the code, of which one can succeed */
	bool finish_first;   /* its listener answers only while a finishing call waits */
};

#define PROVIDER_PORTS_MAX 8

/* What holds for a flow. Never NULL: a provider that is not known has the usual row. */
const struct provider *provider_of(const struct flow *flow);

/* "ChatGPT" for "openai"; an id that is not known is its own name. */
const char *provider_name(const char *id);

/* The ports on which opencode's listeners are known to wait, in rising order. Returns how many. */
size_t provider_ports(int port[PROVIDER_PORTS_MAX]);

#endif
