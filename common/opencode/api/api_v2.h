/*
 * The interface of opencode 2: everything is below /api, and each sign-in is an attempt of the
 * integration API, MCP servers' included.
 */
#ifndef API_V2_H
#define API_V2_H

#include "opencode/api/api.h"

extern const struct opencode_api api_v2;

#endif
