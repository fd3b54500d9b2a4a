/*
 * The end of a flow whose time is over.
 */
#ifndef EXPIRE_H
#define EXPIRE_H

#include "core/context.h"

/*
 * Settles a flow whose time is over before anybody is told "expired": the redirect may have reached
 * the listener without us, so opencode is asked once whether the account is connected after all.
 * Then the flow is done, unconfirmed. If opencode cannot be asked, that is left for the next time.
 */
void expire_settle(struct context *x, struct snapshot *snap);

#endif
