#include "signin/supersede.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "flow/provider.h"
#include "opencode/attempt.h"
#include "opencode/opencode.h"
#include "util/log.h"
#include "util/secret.h"

#define CANCEL_MS 2000

/* Returns whether the timer of an older sign-in's listener may still run. */
static bool
may_linger(const struct snapshot *old)
{
	return old->state == FLOW_WAITING || old->state == FLOW_EXPIRED ||
	       (old->state == FLOW_FAILED && old->reason == REASON_INTERRUPTED);
}

/* Lists the newest of the flows that are young enough to be waiting still. */
static enum err
list_older(const struct newcomer *b, const struct store_keys *keys,
	   char id[STORE_LIST_MAX][FLOW_ID_LEN + 1], size_t *count)
{
	struct store *store = b->x->app->store;
	int seconds = b->x->app->config->lifetime, own = provider_of(b->flow)->seconds;

	if (seconds < LISTENER_SECONDS)
		seconds = LISTENER_SECONDS;
	*count = 0;
	return store->ops->list_recent(store, keys, own > seconds ? own : seconds, id, count);
}

/* Returns whether opencode lists this method as a sign-in. */
static bool
method_listed(const json_t *providers, const struct flow *flow)
{
	const json_t *methods = json_object_get(providers, flow->provider);
	const json_t *item = json_array_get(methods, (size_t)flow->method);
	const char *type = json_string_value(json_object_get(item, "type"));

	return flow->method >= 0 && type != NULL && strcmp(type, "oauth") == 0;
}

/* Returns whether the begin has the input that opencode needs for it. */
static bool
has_needed(const struct newcomer *b)
{
	const char *needs = provider_of(b->flow)->needs, *text;
	json_t *json;
	bool given;

	if (needs == NULL)
		return true;
	json = json_loadb(buf_text(b->body), b->body->len, 0, NULL);
	text = json_string_value(json_object_get(json_object_get(json, "inputs"), needs));
	given = text != NULL && text[strspn(text, " \t\r\n")] != '\0';
	json_decref(json);
	return given;
}

/* Returns whether an older sign-in was begun in the browser that this one comes from. Without our
 * cookie nothing is known to be: many browsers share an address. */
static bool
is_own(const struct newcomer *b, const struct snapshot *old)
{
	return b->x->browser[0] != '\0' && secret_equal(old->browser, b->x->browser);
}

/* Returns whether an older sign-in is an attempt that this one must not end. */
static bool
is_spared(const struct newcomer *b, const struct snapshot *old)
{
	return b->flow->kind == KIND_INTEGRATION && old->flow.kind == KIND_INTEGRATION &&
	       !is_own(b, old);
}

/* Asks opencode whether it would begin this for this caller. Does not ask for an integration,
 * which replaces a pending attempt only if opencode would begin it. */
static enum err
ask_acceptable(struct newcomer *b, bool *acceptable)
{
	json_t *providers;
	enum err err;

	*acceptable = has_needed(b);
	if (!*acceptable || b->flow->kind == KIND_INTEGRATION)
		return ERR_OK;
	err = opencode_visitor_read(b->x, b->flow, "/provider/auth", &providers);
	*acceptable = err == ERR_OK && method_listed(providers, b->flow);
	json_decref(providers);
	/* opencode's reply to the begin itself explains these better */
	return err == ERR_CREDENTIALS || err == ERR_OPENCODE_ANSWER ? ERR_OK : err;
}

/* Tells the part of opencode that waits for a sign-in that it is over. */
static void
cancel(struct context *x, const struct flow *old)
{
	static const char body[] = "{\"error\":\"superseded\"}";
	struct call call = {.method = "GET", .timeout_ms = CANCEL_MS};
	enum cancel way = provider_of(old)->cancel;
	char target[FLOW_PATH_MAX + 64];
	struct call_reply reply = {.status = 0};
	enum err err;

	if (old->typed && way != CANCEL_ATTEMPT)
		return; /* it has no listener, and opencode forgets it by itself */
	snprintf(target, sizeof(target), "%s?error=superseded", old->redirect_path);
	call.target = way == CANCEL_ERROR ? target : "/cancel";
	if (way == CANCEL_TOKEN)
		call = (struct call){.method = "POST",
				     .target = "/auth/token",
				     .body = body,
				     .body_len = sizeof(body) - 1,
				     .timeout_ms = CANCEL_MS};
	err = way == CANCEL_ATTEMPT ? attempt_cancel(x, old)
				    : opencode_listener_send(x, old, &call, &reply);
	if (err != ERR_OK)
		log_event(LOG_LEVEL_WARNING, "cancel-unanswered", "flow", old->id, NULL);
	call_reply_free(&reply);
}

/* Cancels the newest sign-in of a group that may still be pending. */
static enum err
cancel_group(struct newcomer *b, const struct store_keys *keys)
{
	struct store *store = b->x->app->store;
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	struct snapshot old;
	bool acceptable;
	size_t count;
	enum err err = list_older(b, keys, id, &count);

	for (size_t i = 0; err == ERR_OK && i < count; i++) {
		if (store->ops->find(store, id[i], &old) != ERR_OK || !may_linger(&old))
			continue;
		if (is_spared(b, &old)) {
			b->foreign = b->foreign || old.state == FLOW_WAITING;
			continue;
		}
		err = ask_acceptable(b, &acceptable);
		if (err != ERR_OK || !acceptable)
			return err;
		b->cancelled = true;
		/* supersede first: its redirect must not reach the listener after the cancel */
		if (old.state == FLOW_WAITING &&
		    store->ops->supersede(store, old.flow.id) != ERR_OK)
			continue;
		cancel(b->x, &old.flow);
		return ERR_OK;
	}
	return err;
}

enum err
supersede_cancel(struct newcomer *b)
{
	const struct flow *flow = b->flow;
	struct store_keys attempts = {
	    .group = flow_group(b->x->site.opencode->name, KIND_INTEGRATION, flow->provider)};
	enum err err = ERR_OK;

	if (provider_of(flow)->cancel == CANCEL_NOT)
		return ERR_OK;
	/*
	 * A begin beside a pending attempt of the newer API would leave opencode without a
	 * listener. The reverse is refused permanently: the older API's listener stays until one
	 * has succeeded.
	 */
	if (flow->kind == KIND_PROVIDER)
		err = cancel_group(b, &attempts);
	return err == ERR_OK ? cancel_group(b, b->keys) : err;
}

/* Supersedes one flow, unless it no longer waits or is not the newcomer's to end. */
static void
supersede_one(const struct newcomer *b, const char *id, const char *by)
{
	struct store *store = b->x->app->store;
	struct snapshot old;
	bool spared;

	if (store->ops->find(store, id, &old) != ERR_OK || old.state != FLOW_WAITING)
		return;
	spared = is_spared(b, &old);
	if (spared && flow_slot(&old.flow) != b->keys->slot)
		return;
	if (store->ops->supersede(store, id) != ERR_OK)
		return;
	log_event(LOG_LEVEL_INFO, "flow-superseded", "flow", id, "by", by[0] == '\0' ? NULL : by,
		  NULL);
	if (!spared && b->flow->kind == KIND_INTEGRATION && old.flow.kind == KIND_INTEGRATION)
		cancel(b->x, &old.flow);
}

void
supersede_waiting(const struct newcomer *b, const char *keep)
{
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	size_t count;

	if (list_older(b, b->keys, id, &count) != ERR_OK)
		return;
	for (size_t i = 0; i < count; i++)
		if (strcmp(id[i], keep) != 0)
			supersede_one(b, id[i], keep);
}
