/*
 * The beginning of a sign-in whose answer comes by way of a relay: the state in its
 * authorize URL is wrapped, so that the relay knows that it is ours.
 */
#ifndef RELAY_WRAP_H
#define RELAY_WRAP_H

#include "core/context.h"

/*
 * Appends the authorize URL that the browser is to open to out, for a flow of
 * flow_relayed(), complete as it will be recorded. ERR_UNRECORDED: its state cannot be
 * wrapped, the log says why. ERR_CONFIG: nor any, for the key cannot be read; ERR_MEMORY.
 */
enum err
relay_wrap(struct context *x, const struct flow *flow, const char *url, struct buf *out) MUST_CHECK;

/* Says in the log why an authorize URL that could not be read as one of ours will not come home by
 * the relay, if it was to. */
void relay_wrap_missed(struct context *x, const char *url);

#endif
