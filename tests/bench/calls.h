/* The two libcurl calls that delivering a callback takes, with the options of
 * common/util/curl_request.c and no checks. */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>

/* Asks the listener, then lets opencode finish. False if either was not answered with 200. */
bool calls_make(const char *socket_path, const char *query);

#endif
