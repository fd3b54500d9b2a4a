/*
 * The interfaces of opencode: that of opencode 1, and that of opencode 2. All that differs between
 * them stands in this folder. Which one an opencode speaks is found out by asking (api_find.h). To
 * support another, add a table like these, and its line in api_find.c.
 */
#ifndef API_H
#define API_H

#include <stdbool.h>

#include "core/context.h"

struct account_list;

struct opencode_api {
	const char *name; /* in notes: "1" */
	/* paths whose reply tells opencode's version, in the order in which they are asked */
	const char *const *identity;
	bool sessions; /* a browser can be signed in to opencode with a cookie of opencode's */
	bool listens;  /* a listener on loopback takes the response to a public redirect URI too */

	/* Asks whether opencode lets the sender of the request in, and nothing else.
	 * ERR_CREDENTIALS, ERR_OPENCODE_ANSWER, errors of call_send(). */
	enum err (*lets_in)(const struct context *x, const struct flow *project);

	/* Reads the accounts that can be connected, for the visitor. Errors as above. */
	enum err (*list)(const struct context *x, const struct flow *project,
			 struct account_list *out);

	/* Fill in kind, provider and method of a flow that the start page begins: at a provider
	 * with one of its methods, or at an MCP server (name is encoded as a path segment).
	 * ERR_REQUEST: there is no such method; ERR_OPENCODE_ANSWER: not with this interface.
	 * Errors as above. */
	enum err (*choose)(struct flow *flow, const char *provider, const char *method);
	enum err (*choose_mcp)(const struct context *x, struct flow *flow, const char *name);

	/* Fills in the label of a flow of KIND_INTEGRATION, and whether it is an MCP server's, as
	 * far as opencode tells. */
	void (*describe)(const struct context *x, struct flow *flow);

	/* Appends the path at which an attempt of the integration API is asked for and deleted. */
	void (*attempt_path)(const struct flow *flow, struct buf *out);

	/* Asks whether opencode has the account that a flow of KIND_INTEGRATION was begun for. */
	enum err (*connected)(const struct context *x, const struct flow *flow, bool *connected);
};

#endif
