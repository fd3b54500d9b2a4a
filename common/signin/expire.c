#include "signin/expire.h"

#include "opencode/attempt.h"
#include "opencode/call_slot.h"
#include "opencode/connected.h"
#include "opencode/credentials.h"
#include "opencode/opencode.h"
#include "util/log.h"

#define ASK_MS 2000

/* Records how a flow ended that we hold the claim of. */
static void
end(struct context *x, struct snapshot *snap, enum flow_state state, enum flow_reason reason)
{
	struct store *store = x->app->store;
	char label[FLOW_NAME_MAX + 1];

	snap->state = state;
	snap->reason = reason;
	if (store->ops->finish(store, snap->flow.id, state, reason) != ERR_OK)
		log_event(LOG_LEVEL_ERROR, "flow-end-lost", "flow", snap->flow.id, NULL);
	flow_label(&snap->flow, label);
	log_event(LOG_LEVEL_INFO, "flow-ended", "flow", snap->flow.id, "provider", label, "result",
		  flow_state_name(state), "reason",
		  reason == REASON_NONE ? NULL : flow_reason_name(reason), NULL);
}

/* Does so as the attempt ended. */
static void
end_as_attempt(struct context *x, struct snapshot *snap, enum attempt_status status)
{
	if (status == ATTEMPT_COMPLETE)
		end(x, snap, FLOW_DONE, REASON_NONE);
	else if (status == ATTEMPT_FAILED)
		end(x, snap, FLOW_FAILED, REASON_REFUSED_BY_PROVIDER);
	else
		end(x, snap, FLOW_EXPIRED, REASON_NONE);
}

/* Asks opencode how a sign-in went. Only an attempt tells that it was this sign-in; where there is
 * none that opencode knows, asks whether the account is connected. */
static enum err
ask_end(struct context *x, const struct flow *flow, enum attempt_status *status, bool *connected)
{
	enum err err = ERR_OK;

	*status = ATTEMPT_UNKNOWN;
	*connected = false;
	if (flow->kind == KIND_INTEGRATION)
		err = attempt_ask(x, flow, ASK_MS, status);
	return err == ERR_OK && *status == ATTEMPT_UNKNOWN ? connected_ask(x, flow, connected)
							   : err;
}

/* Ends a flow whose time is over. */
static void
settle_expired(struct context *x, struct snapshot *snap)
{
	struct store *store = x->app->store;
	enum attempt_status status;
	bool connected;

	if (store->ops->expire(store, snap->flow.id) != ERR_OK) {
		if (store->ops->find(store, snap->flow.id, snap) != ERR_OK)
			snap->state = FLOW_EXPIRED;
	} else if (ask_end(x, &snap->flow, &status, &connected) == ERR_OK) {
		snap->expired = true;
		if (connected)
			end(x, snap, FLOW_DONE, REASON_UNCONFIRMED);
		else
			end_as_attempt(x, snap, status);
	} else if (store->ops->release(store, snap->flow.id) != ERR_OK) {
		log_event(LOG_LEVEL_ERROR, "flow-end-lost", "flow", snap->flow.id, NULL);
	}
}

/* Ends a waiting flow whose attempt has ended: a browser on opencode's own computer reaches the
 * listener without us. */
static void
settle_attempt(struct context *x, struct snapshot *snap)
{
	struct store *store = x->app->store;
	enum attempt_status status;

	if (attempt_ask(x, &snap->flow, ASK_MS, &status) != ERR_OK || status == ATTEMPT_UNKNOWN ||
	    status == ATTEMPT_PENDING)
		return;
	if (store->ops->claim(store, snap->flow.id, NULL) == ERR_OK)
		end_as_attempt(x, snap, status);
	else if (store->ops->find(store, snap->flow.id, snap) != ERR_OK)
		snap->state = FLOW_WAITING;
}

void
expire_settle(struct context *x, struct snapshot *snap)
{
	if (snap->state == FLOW_WAITING && snap->flow.kind == KIND_INTEGRATION) {
		/* pages that poll must leave slots for callbacks */
		if (call_slot_spare(x->app) != ERR_OK)
			return;
		if (credentials_suffice(x, &snap->flow) || opencode_has_session(x))
			settle_attempt(x, snap);
	} else {
		if (snap->state != FLOW_EXPIRED || snap->ended || call_slot_enter(x->app) != ERR_OK)
			return;
		if (attempt_credentials_suffice(x, &snap->flow))
			settle_expired(x, snap);
	}
	call_slot_leave(x->app);
}
