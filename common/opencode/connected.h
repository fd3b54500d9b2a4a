/*
 * What opencode says is connected: providers, and MCP servers.
 */
#ifndef CONNECTED_H
#define CONNECTED_H

#include <jansson.h>
#include <stdbool.h>

#include "core/context.h"
#include "opencode/call.h"

/* The end of the answer of GET /provider as the list of connected providers, NULL if it has none.
 * Release with json_decref(). */
json_t *connected_read(const struct call_reply *reply);

/* Whether that list has a provider. NULL is an empty list. */
bool connected_has(const json_t *list, const char *provider);

/* What an answer of GET /mcp says of a flow's MCP server, such as "connected"; "" if nothing. */
void connected_mcp_read(const struct call_reply *reply, const struct flow *flow, char *status,
			size_t size);

/* Asks, with the credentials of the flow's finishing calls. */
enum err connected_mcp(const struct context *x, const struct flow *flow, char *status,
		       size_t size) MUST_CHECK;

/* Whether opencode has the account that a flow was begun for. A terminal's is never known. */
enum err
connected_ask(const struct context *x, const struct flow *flow, bool *connected) MUST_CHECK;

#endif
