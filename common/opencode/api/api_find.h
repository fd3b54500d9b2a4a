/*
 * Finds out which interface an opencode speaks, by asking it. The result is noted in the store for
 * all processes, and found out again when a reply does not fit.
 */
#ifndef API_FIND_H
#define API_FIND_H

#include "opencode/api/api.h"

#define API_FIND_SECONDS 600 /* a note is asked for again after this */

/*
 * Finds the interface of this site's opencode for an attempt: the one noted, else the one that
 * answers. A note of opencode 1 is not enough, whose window begins no attempts. Asks with the
 * credentials of the request, else those of password_file. ERR_CREDENTIALS: opencode wants a
 * password before it tells; ERR_OPENCODE_UNKNOWN: it speaks none that we know;
 * ERR_OPENCODE_PLUGIN: an old plugin does not let us ask; errors of call_send().
 */
enum err api_find(const struct context *x, const struct opencode_api **out) MUST_CHECK;

/*
 * Runs a step with the interface that is noted, else with that of opencode 1. If the reply does not
 * fit (ERR_OPENCODE_ANSWER), finds out the interface and, if it is another one, runs the step
 * once more. Errors of the step, and of api_find().
 */
typedef enum err api_find_step(const struct context *x, const struct opencode_api *api, void *ctx);
enum err api_find_run(const struct context *x, api_find_step *step, void *ctx) MUST_CHECK;

/* Asks whether opencode lets the sender of this request in: ERR_OK, ERR_CREDENTIALS, or the reason
 * why opencode could not be asked. */
enum err api_find_lets_in(const struct context *x) MUST_CHECK;

#define API_FIND_VERSION_MAX 32

/*
 * Asks opencode for its version: for nobody, or for the visitor, with the request's own credentials
 * only. Does not read notes, but notes the interface. ERR_OK; ERR_CREDENTIALS: it is up, and wants
 * a password; other errors of api_find().
 */
enum err api_find_version(const struct context *x, bool for_visitor, int timeout_ms,
			  char version[API_FIND_VERSION_MAX + 1]) MUST_CHECK;

#endif
