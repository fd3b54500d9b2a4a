/*
 * Settles a flow that ends without a response at this site: its time is over, or the redirect
 * reached opencode without us.
 */
#ifndef EXPIRE_H
#define EXPIRE_H

#include "core/context.h"

/*
 * Asks opencode about a flow whose time is over, once, before anybody is told "expired". An attempt
 * of the integration API tells how it ended; otherwise, if the account is connected, the flow is
 * done, but unconfirmed. Asks about a waiting attempt each time: if it has ended, so has the flow.
 * If opencode cannot be asked, the next request tries again. Updates snap.
 */
void expire_settle(struct context *x, struct snapshot *snap);

#endif
