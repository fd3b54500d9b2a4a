/*
 * Delivers for MCP: to opencode's listener if there is one, else the code to opencode itself.
 */
#ifndef DELIVER_MCP_H
#define DELIVER_MCP_H

#include "signin/delivery.h"

void deliver_mcp(struct delivery *d);

#endif
