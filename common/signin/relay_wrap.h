/*
 * Wraps the state in the authorize URL of a sign-in whose response comes by way of a relay, so
 * that the relay knows which site it belongs to.
 */
#ifndef RELAY_WRAP_H
#define RELAY_WRAP_H

#include "core/context.h"

/*
 * Appends to out the authorize URL that the browser is to open. The flow must be flow_relayed(),
 * and complete as it will be recorded. ERR_UNRECORDED: its state cannot be wrapped, and the log
 * says why. ERR_CONFIG: the key cannot be read, so no state can be wrapped. ERR_MEMORY, other
 * errors of query_parse().
 */
enum err
relay_wrap(struct context *x, const struct flow *flow, const char *url, struct buf *out) MUST_CHECK;

/* Logs why a relay cannot bring the response to an authorize URL that authorize_url_read()
 * refused. Logs nothing if no relay was to bring it. */
void relay_wrap_missed(struct context *x, const char *url);

#endif
