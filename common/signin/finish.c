#include "signin/finish.h"

#include <string.h>

#include "opencode/attempt.h"
#include "opencode/call_slot.h"
#include "signin/deliver.h"
#include "util/log.h"

/* Checks that iss, if given, names the server that we asked (RFC 9207 section 2.4). */
static bool
issuer_matches(const struct context *x, const struct flow *flow, const char *iss)
{
	const struct config *config = x->app->config;
	size_t len = strlen(flow->authorize_origin);
	bool paired = false;

	if (iss == NULL)
		return true;
	for (size_t i = 0; i < config->issuer_count; i++) {
		if (strcmp(config->issuer[i].authorize_origin, flow->authorize_origin) != 0)
			continue;
		if (strcmp(config->issuer[i].issuer, iss) == 0)
			return true;
		paired = true;
	}
	return !paired && strncmp(iss, flow->authorize_origin, len) == 0 &&
	       (iss[len] == '\0' || iss[len] == '/');
}

/* Delivers the response of a claimed flow and records the outcome. */
static enum err
deliver_claimed(struct context *x, const struct flow *flow,
		const struct authorization_response *response)
{
	struct delivery d = {.x = x, .flow = flow, .response = response};
	struct store *store = x->app->store;
	const struct outcome *outcome = &d.outcome;
	char label[FLOW_NAME_MAX + 1];
	enum err err;

	deliver(&d);
	if (outcome->err != ERR_OK) {
		err = store->ops->release(store, flow->id);
		return err == ERR_OK ? outcome->err : err;
	}
	if (store->ops->finish(store, flow->id, outcome->state, outcome->reason) != ERR_OK)
		log_event(LOG_LEVEL_ERROR, "flow-end-lost", "flow", flow->id, NULL);
	flow_label(flow, label);
	log_event(LOG_LEVEL_INFO, "flow-ended", "flow", flow->id, "provider", label, "result",
		  flow_state_name(outcome->state), "reason",
		  outcome->reason == REASON_NONE ? NULL : flow_reason_name(outcome->reason), NULL);
	return ERR_OK;
}

/* Holds the lock of the flow's group from before the claim until the verdict: a newer begin must
 * not come between, neither at the listener nor at the finishing call. */
static enum err
claim_and_deliver(struct context *x, const struct flow *flow,
		  const struct authorization_response *response)
{
	struct store *store = x->app->store;
	struct store_lock lock = STORE_LOCK_NONE;
	enum err err;

	err =
	    store->ops->lock(store, flow_group(flow->opencode, flow->kind, flow->provider), &lock);
	/* reading the body and waiting for the lock took time */
	if (err == ERR_OK && store->ops->now(store) >= flow->expires)
		err = ERR_TAKEN;
	if (err == ERR_OK)
		err = store->ops->claim(store, flow->id, &lock);
	if (err == ERR_OK)
		err = deliver_claimed(x, flow, response);
	store->ops->unlock(store, &lock);
	return err == ERR_TAKEN ? ERR_OK : err;
}

enum err
finish_waiting(struct context *x, const struct snapshot *snap,
	       const struct authorization_response *response)
{
	enum err err;

	if (!issuer_matches(x, &snap->flow, query_get(&response->query, "iss")))
		return ERR_ISSUER;
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	if (attempt_credentials_suffice(x, &snap->flow))
		err = claim_and_deliver(x, &snap->flow, response);
	else
		err = ERR_CREDENTIALS;
	call_slot_leave(x->app);
	return err;
}
