#include "signin/authorization_response.h"

#include <string.h>

#include "opencode/opencode.h"
#include "route/flow_route.h"
#include "signin/deliver.h"
#include "signin/flow_list.h"
#include "util/log.h"

/* A parameter of another kind of answer than this flow's (RFC 6749 section 3.1.1, JARM). */
static bool
is_other_kind(const struct query *q, bool token)
{
	return query_get(q, "response") != NULL || query_get(q, "id_token") != NULL ||
	       query_get(q, token ? "code" : "access_token") != NULL;
}

enum err
authorization_response_read(struct authorization_response *cb, const char *raw,
			    const struct flow *flow)
{
	bool token = flow != NULL && flow->answer == RESPONSE_TYPE_TOKEN;
	bool stateless = flow != NULL && flow->stateless;
	const char *state, *answer, *error;
	enum err err;

	*cb = (struct authorization_response){.raw = raw};
	if (strlen(raw) > QUERY_MAX)
		return ERR_QUERY_LONG;
	if ((err = query_parse(&cb->query, raw, strlen(raw), QUERY_STRING)) != ERR_OK)
		return err;
	if (is_other_kind(&cb->query, token))
		return ERR_RESPONSE_MODE;
	state = query_get(&cb->query, "state");
	answer = query_get(&cb->query, token ? "access_token" : "code");
	error = query_get(&cb->query, "error");
	if (!stateless && (state == NULL || state[0] == '\0'))
		return ERR_NO_STATE;
	if (answer != NULL && error != NULL)
		return ERR_CODE_AND_ERROR;
	if ((answer == NULL || answer[0] == '\0') && (error == NULL || error[0] == '\0'))
		return ERR_NO_CODE;
	cb->declined = error != NULL;
	if (stateless)
		memcpy(cb->id, flow->id, sizeof(cb->id));
	else
		flow_id(state, strlen(state), cb->id);
	return ERR_OK;
}

void
authorization_response_free(struct authorization_response *cb)
{
	query_free(&cb->query);
}

/* RFC 9207 section 2.4: iss, where given, must be the server that we asked. */
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

/* Sends a claimed callback to opencode and writes down how that went. */
static enum err
deliver_claimed(struct context *x, const struct flow *flow, const struct authorization_response *cb)
{
	struct delivery d = {.x = x, .flow = flow, .cb = cb};
	struct store *store = x->app->store;
	const struct outcome *outcome = &d.outcome;
	enum err err;

	deliver(&d);
	if (outcome->err != ERR_OK) {
		err = store->ops->release(store, flow->id);
		return err == ERR_OK ? outcome->err : err;
	}
	if (store->ops->finish(store, flow->id, outcome->state, outcome->reason) != ERR_OK)
		log_event(LOG_LEVEL_ERROR, "flow-end-lost", "flow", flow->id, NULL);
	log_event(LOG_LEVEL_INFO, "flow-ended", "flow", flow->id, "provider", flow->provider,
		  "result", flow_state_name(outcome->state), "reason",
		  outcome->reason == REASON_NONE ? NULL : flow_reason_name(outcome->reason), NULL);
	return ERR_OK;
}

/*
 * Holds the flow's group from before the claim to the verdict: a newer begin
 * must not come between, neither at the listener nor at the finishing call.
 */
static enum err
claim_and_deliver(struct context *x, const struct flow *flow,
		  const struct authorization_response *cb)
{
	struct store *store = x->app->store;
	struct store_lock lock = STORE_LOCK_NONE;
	enum err err;

	err =
	    store->ops->lock(store, flow_group(flow->opencode, flow->kind, flow->provider), &lock);
	/* reading the body and waiting for the lock took their time */
	if (err == ERR_OK && store->ops->now(store) >= flow->expires)
		err = ERR_TAKEN;
	if (err == ERR_OK)
		err = store->ops->claim(store, flow->id, &lock);
	if (err == ERR_OK)
		err = deliver_claimed(x, flow, cb);
	store->ops->unlock(store, &lock);
	return err == ERR_TAKEN ? ERR_OK : err;
}

enum err
finish_waiting(struct context *x, const struct snapshot *snap,
	       const struct authorization_response *cb)
{
	enum err err;

	if (!issuer_matches(x, &snap->flow, query_get(&cb->query, "iss")))
		return ERR_ISSUER;
	if (!credentials_suffice(x, &snap->flow))
		return ERR_CREDENTIALS;
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	err = claim_and_deliver(x, &snap->flow, cb);
	call_slot_leave(x->app);
	return err;
}

enum err
access_find(struct context *x, const char *id, struct snapshot *snap, enum claimant *who)
{
	struct store *store = x->app->store;
	enum err err = store->ops->find(store, id, snap);

	*who = CLAIMANT_OTHER;
	if (err != ERR_OK)
		return err;
	if (strcmp(snap->flow.opencode, x->site.opencode->name) != 0)
		return ERR_UNKNOWN_FLOW;
	if (!snap->bound && x->browser[0] != '\0' && secret_equal(snap->browser, x->browser)) {
		err = store->ops->bind(store, id, x->browser);
		if (err == ERR_TAKEN) /* by somebody who confirmed at this moment */
			err = store->ops->find(store, id, snap);
		else if (err == ERR_OK)
			snap->bound = true;
		if (err != ERR_OK)
			return err;
	}
	if (!snap->bound)
		*who = CLAIMANT_ASK;
	else if (x->browser[0] != '\0' && secret_equal(snap->browser, x->browser))
		*who = CLAIMANT_OWNER;
	return ERR_OK;
}

/* The checks in security order; each failure leaves the flow waiting and opencode untouched. */
static enum err
callback_answer(struct context *x, struct authorization_response *cb)
{
	struct snapshot snap;
	enum claimant who;
	enum err err;

	if (!x->site.usable)
		return ERR_NEEDS_HTTPS;
	/* sizes, encoding, duplicates, required parameters: RFC 6749 sections 3.1, 4.1.2 */
	if ((err = authorization_response_read(cb, x->request->query, NULL)) != ERR_OK)
		return err;
	/* a state that we know: RFC 6749 section 10.12 */
	if ((err = access_find(x, cb->id, &snap, &who)) != ERR_OK)
		return err;
	/*
	 * On the redirect URI that it was given for: RFC 9700 section 4.4. A relay's is the same
	 * for all providers; which of our paths it sends their answers to only the relay knows.
	 * There iss has to tell them apart.
	 */
	if (!flow_relayed(&snap.flow) && strcmp(snap.flow.redirect_path, x->request->path) != 0)
		return ERR_UNKNOWN_FLOW;
	/* an answer of the kind that was asked for */
	if (snap.flow.answer != RESPONSE_TYPE_CODE && !cb->declined)
		return ERR_RESPONSE_MODE;
	/* in the browser that began: RFC 9700 section 4.7.1 */
	if (who == CLAIMANT_OTHER || (who == CLAIMANT_ASK && snap.state != FLOW_WAITING))
		return ERR_UNKNOWN_FLOW;
	if (who == CLAIMANT_ASK) {
		flow_route_ask(x, &snap, cb->raw);
		return ERR_OK;
	}
	x->uncounted = true;
	/* once, and in time */
	if (snap.state == FLOW_WAITING && (err = finish_waiting(x, &snap, cb)) != ERR_OK)
		return err;
	respond_flow(x, cb->id);
	return ERR_OK;
}

/* A list is many pages of stack: only for whom it is made. */
static void __attribute__((noinline)) answer_listing(struct context *x, enum err err)
{
	struct flow_list waiting;
	struct page_list list = {waiting.item, 0};

	if (flow_list(x, true, &waiting) == ERR_OK)
		list.count = waiting.count;
	respond_problem_listing(x, err, &list);
}

/*
 * An edited address may have come without its answer, because that stood behind
 * a '#'. Then this browser's own sign-ins are named, where it can be pasted.
 */
static void
answer_refused(struct context *x, enum err err)
{
	if (err == ERR_NO_STATE || err == ERR_NO_CODE || err == ERR_RESPONSE_MODE)
		answer_listing(x, err);
	else
		respond_problem(x, err);
}

void
callback_route_get(struct context *x)
{
	struct authorization_response cb = {.raw = ""};
	enum err err = callback_answer(x, &cb);

	if (err != ERR_OK)
		answer_refused(x, err);
	authorization_response_free(&cb);
}
