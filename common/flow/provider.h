/*
 * opencode's providers, as measured with opencode 1.18: how they differ, their display names and
 * their ports. To add a provider, add a row in provider.c.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/flow.h"

#define LISTENER_SECONDS  300	/* opencode's listeners usually wait this long */
#define PROVIDER_MCP_PORT 19876 /* of opencode 1's redirect URI for MCP servers */

/* How a pending sign-in is cancelled at its listener. */
enum cancel {
	CANCEL_NOT,	/* it cannot be, or need not be */
	CANCEL_PATH,	/* GET /cancel */
	CANCEL_ERROR,	/* GET the redirect URI with an error */
	CANCEL_TOKEN,	/* POST an error to /auth/token */
	CANCEL_ATTEMPT, /* DELETE the attempt, in opencode's own API */
};

struct provider {
	const char *id;	   /* in opencode, such as "openai" */
	const char *name;  /* display name; NULL: the id */
	int port;	   /* of its listener; 0: it has none, or a different one each time */
	int seconds;	   /* its listener waits this long; 0: LISTENER_SECONDS */
	int finish_ms;	   /* limit of the finishing call; 0: the rest of CALL_TOTAL_MS */
	const char *needs; /* opencode refuses to begin without this input; NULL: none */
	enum cancel cancel;
	bool cancel_late;    /* cancel only once opencode refuses to begin, which does no harm */
	bool exchanges_each; /* every finishing call exchanges the code; only one can succeed */
	bool finish_first;   /* its listener responds only while a finishing call waits */
};

#define PROVIDER_PORTS_MAX 8

/* Returns the row that applies to a flow, never NULL: an unknown provider has the usual row. */
const struct provider *provider_of(const struct flow *flow);

/* Returns the display name, such as "ChatGPT" for "openai"; an unknown id is its own name. */
const char *provider_name(const char *id);

/* Writes the known ports of opencode's listeners, in rising order. Returns their number. */
size_t provider_ports(int port[PROVIDER_PORTS_MAX]);

#endif
