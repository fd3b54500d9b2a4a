/*
 * The interface of opencode 1.
 */
#ifndef API_V1_H
#define API_V1_H

#include <jansson.h>

#include "opencode/api/api.h"
#include "opencode/call.h"

extern const struct opencode_api api_v1;

/* Returns the list of connected providers in the reply to GET /provider, of which the end
 * suffices; NULL if there is no list. Release with json_decref(). */
json_t *api_v1_connected_read(const struct call_reply *reply);

/* Returns whether that list has a provider. NULL is an empty list. */
bool api_v1_connected_has(const json_t *list, const char *provider);

#endif
