/*
 * Ends a flow whose time is over.
 */
#ifndef EXPIRE_H
#define EXPIRE_H

#include "core/context.h"

/*
 * Settles a flow whose time is over, before anybody is told "expired". The redirect may have
 * reached the listener without us, so opencode is asked once whether the account is connected. If
 * it is, the flow is done, but unconfirmed. If opencode cannot be asked, the next request tries
 * again. Updates snap.
 */
void expire_settle(struct context *x, struct snapshot *snap);

#endif
