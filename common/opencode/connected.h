/*
 * Asks opencode whether a sign-in's account is connected.
 */
#ifndef CONNECTED_H
#define CONNECTED_H

#include <stdbool.h>

#include "core/context.h"
#include "opencode/call.h"

/* Copies what the reply to GET /mcp says of a flow's MCP server, such as "connected", to status
 * (size bytes); "" if it says nothing. */
void connected_mcp_read(const struct call_reply *reply, const struct flow *flow, char *status,
			size_t size);

/* Asks opencode for that status, with the credentials of the flow's finishing calls. Errors of
 * opencode_flow_send() and opencode_reply_err(). */
enum err connected_mcp(const struct context *x, const struct flow *flow, char *status,
		       size_t size) MUST_CHECK;

/* Asks opencode whether it has the account that a flow was begun for, with the same credentials.
 * Never known for a terminal: *connected is false. */
enum err
connected_ask(const struct context *x, const struct flow *flow, bool *connected) MUST_CHECK;

#endif
