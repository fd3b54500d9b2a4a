#include "signin/expire.h"

#include "opencode/call_slot.h"
#include "opencode/connected.h"
#include "opencode/credentials.h"
#include "util/log.h"

static void
end_expired(struct context *x, struct snapshot *snap, bool connected)
{
	struct store *store = x->app->store;

	snap->state = connected ? FLOW_DONE : FLOW_EXPIRED;
	snap->reason = connected ? REASON_UNCONFIRMED : REASON_NONE;
	snap->expired = true;
	if (store->ops->finish(store, snap->flow.id, snap->state, snap->reason) != ERR_OK)
		log_event(LOG_LEVEL_ERROR, "flow-end-lost", "flow", snap->flow.id, NULL);
	log_event(LOG_LEVEL_INFO, "flow-ended", "flow", snap->flow.id, "provider",
		  snap->flow.provider, "result", flow_state_name(snap->state), NULL);
}

void
expire_settle(struct context *x, struct snapshot *snap)
{
	struct store *store = x->app->store;
	bool connected = false;

	if (snap->state != FLOW_EXPIRED || snap->ended || !credentials_suffice(x, &snap->flow) ||
	    call_slot_enter(x->app) != ERR_OK)
		return;
	if (store->ops->expire(store, snap->flow.id) == ERR_OK) {
		if (connected_ask(x, &snap->flow, &connected) == ERR_OK)
			end_expired(x, snap, connected);
		else if (store->ops->release(store, snap->flow.id) != ERR_OK)
			log_event(LOG_LEVEL_ERROR, "flow-end-lost", "flow", snap->flow.id, NULL);
	} else if (store->ops->find(store, snap->flow.id, snap) != ERR_OK) {
		snap->state = FLOW_EXPIRED;
	}
	call_slot_leave(x->app);
}
