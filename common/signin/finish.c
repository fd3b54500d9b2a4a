#include "signin/finish.h"

#include <stdio.h>
#include <string.h>

#include "flow/url.h"
#include "opencode/attempt.h"
#include "opencode/call_slot.h"
#include "signin/deliver.h"
#include "util/log.h"

#define SECRET_MIN 8 /* bytes: a shorter code or state is found in any text */

enum issuer {
	ISSUER_RIGHT,
	ISSUER_WRONG,
	ISSUER_UNSURE, /* another host, which only the user may know */
};

/* Returns whether iss could be the name of an authorization server: a URL as RFC 8414 section 2 has
 * it, without TLS only if the sign-in had none either. */
static bool
is_server_name(const char *iss, const struct flow *flow)
{
	bool https = strncmp(flow->authorize_origin, "https://", 8) == 0;

	return strlen(iss) <= FLOW_ORIGIN_MAX && strpbrk(iss, "?#") == NULL && url_is_web(iss) &&
	       (!https || strncmp(iss, "https://", 8) == 0);
}

/*
 * Judges whether iss, if given, names the server that we asked (RFC 9207 section 2.4). That is the
 * issuer in the server's metadata, which we do not know: a pair in [flow] issuers tells it; else
 * the origin of the authorize URL is our guess, which a provider with several hosts belies.
 */
static enum issuer
judge_issuer(const struct context *x, const struct flow *flow, const char *iss)
{
	const struct config *config = x->app->config;
	size_t len = strlen(flow->authorize_origin);
	bool paired = false;

	if (iss == NULL)
		return ISSUER_RIGHT;
	for (size_t i = 0; i < config->issuer_count; i++) {
		if (strcmp(config->issuer[i].authorize_origin, flow->authorize_origin) != 0)
			continue;
		if (strcmp(config->issuer[i].issuer, iss) == 0)
			return ISSUER_RIGHT;
		paired = true;
	}
	if (paired)
		return ISSUER_WRONG;
	if (strncmp(iss, flow->authorize_origin, len) == 0 && (iss[len] == '\0' || iss[len] == '/'))
		return ISSUER_RIGHT;
	/* a relay's redirect URI is the same for all providers: only iss tells them apart */
	return !flow_relayed(flow) && is_server_name(iss, flow) ? ISSUER_UNSURE : ISSUER_WRONG;
}

/* Returns whether text holds the value of a parameter, which no log may. */
static bool
holds(const char *text, const struct query *query, const char *name)
{
	const char *value = query_get(query, name);

	return value != NULL && strlen(value) >= SECRET_MIN && strstr(text, value) != NULL;
}

/* Checks the issuer, and logs the line that would decide the next time. */
static enum err
check_issuer(const struct context *x, const struct flow *flow, const struct query *query,
	     bool confirmed)
{
	const char *iss = query_get(query, "iss");
	enum issuer issuer = judge_issuer(x, flow, iss);
	struct buf line;

	if (issuer == ISSUER_RIGHT)
		return ERR_OK;
	if (issuer == ISSUER_WRONG || holds(iss, query, "code") || holds(iss, query, "state"))
		return ERR_ISSUER;
	buf_init(&line, FLOW_ORIGIN_MAX + FLOW_ORIGIN_MAX + 16);
	buf_printf(&line, "issuers = %s=%s", flow->authorize_origin, iss);
	log_event(LOG_LEVEL_WARNING, confirmed ? "issuer-confirmed" : "issuer-differs", "flow",
		  flow->id, "hint", "if both are the same provider's, add this below [flow]",
		  "line", buf_text(&line), NULL);
	buf_free(&line);
	return confirmed ? ERR_OK : ERR_ISSUER_UNSURE;
}

/* Delivers the response of a claimed flow and records the outcome. */
static enum err
deliver_claimed(struct context *x, const struct flow *flow,
		const struct authorization_response *response)
{
	struct delivery d = {.x = x, .flow = flow, .response = response};
	struct store *store = x->app->store;
	const struct outcome *outcome = &d.outcome;
	char label[FLOW_NAME_MAX + 1], status[16] = "";
	enum err err;

	deliver(&d);
	if (outcome->err != ERR_OK) {
		err = store->ops->release(store, flow->id);
		return err == ERR_OK ? outcome->err : err;
	}
	if (store->ops->finish(store, flow->id, outcome->state, outcome->reason) != ERR_OK)
		log_event(LOG_LEVEL_ERROR, "flow-end-lost", "flow", flow->id, NULL);
	flow_label(flow, label);
	if (outcome->state == FLOW_FAILED && outcome->status != 0)
		snprintf(status, sizeof(status), "%d", outcome->status);
	log_event(LOG_LEVEL_INFO, "flow-ended", "flow", flow->id, "provider", label, "result",
		  flow_state_name(outcome->state), "reason",
		  outcome->reason == REASON_NONE ? NULL : flow_reason_name(outcome->reason),
		  "status", status[0] == '\0' ? NULL : status, NULL);
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
	       const struct authorization_response *response, bool issuer_confirmed)
{
	enum err err = check_issuer(x, &snap->flow, &response->query, issuer_confirmed);

	if (err != ERR_OK)
		return err;
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	if (attempt_credentials_suffice(x, &snap->flow))
		err = claim_and_deliver(x, &snap->flow, response);
	else
		err = ERR_CREDENTIALS;
	call_slot_leave(x->app);
	return err;
}
