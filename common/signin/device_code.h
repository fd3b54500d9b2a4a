/*
 * Sign-ins without a redirect (RFC 8628): the user enters a code at the provider, or signs in
 * there, and opencode asks the provider how it went.
 */
#ifndef DEVICE_CODE_H
#define DEVICE_CODE_H

#include <stdbool.h>

/* Returns whether opencode's instructions hold a user code, or the URL brings one (section 3.2). */
bool device_code_shown(const char *url, const char *instructions);

/* Returns whether a URL names no place that the provider would send the browser to. */
bool device_code_stays(const char *url);

#endif
