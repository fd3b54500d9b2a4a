/*
 * Reads what opencode reports as connected: providers and MCP servers.
 */
#ifndef CONNECTED_H
#define CONNECTED_H

#include <jansson.h>
#include <stdbool.h>

#include "core/context.h"
#include "opencode/call.h"

/* Returns the list of connected providers in the reply to GET /provider, of which the end
 * suffices; NULL if there is no list. Release with json_decref(). */
json_t *connected_read(const struct call_reply *reply);

/* Returns whether that list has a provider. NULL is an empty list. */
bool connected_has(const json_t *list, const char *provider);

/* Copies what the reply to GET /mcp says of a flow's MCP server, such as "connected", to status
 * (size bytes); "" if it says nothing. */
void connected_mcp_read(const struct call_reply *reply, const struct flow *flow, char *status,
			size_t size);

/* Asks opencode for that status, with the credentials of the flow's finishing calls. Errors of
 * opencode_flow_send() and opencode_reply_err(). */
enum err connected_mcp(const struct context *x, const struct flow *flow, char *status,
		       size_t size) MUST_CHECK;

/* Asks opencode whether it has the account that a flow was begun for. Never known for an
 * integration or a terminal: *connected is false. */
enum err
connected_ask(const struct context *x, const struct flow *flow, bool *connected) MUST_CHECK;

#endif
