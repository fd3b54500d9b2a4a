#include "route/flow_route.h"

#include <stdio.h>
#include <string.h>

#include "core/respond.h"
#include "flow/pasted_text.h"
#include "http/cookie.h"
#include "opencode/api/api_find.h"
#include "opencode/call_slot.h"
#include "opencode/opencode.h"
#include "signin/access.h"
#include "signin/authorization_response.h"
#include "signin/code_alone.h"
#include "signin/expire.h"
#include "signin/finish.h"
#include "view/page_ask.h"
#include "view/page_code.h"
#include "view/page_issuer.h"
#include "view/page_verdict.h"
#include "view/page_waiting.h"

void
flow_route_ask(struct context *x, const struct snapshot *snap, const char *callback)
{
	struct page_site site = context_page_site(x);
	char label[FLOW_NAME_MAX + 1];
	struct page_ask ask = {.id = snap->flow.id,
			       .kind = snap->flow.kind,
			       .mcp = snap->flow.mcp,
			       .provider = label,
			       .client_address = snap->flow.client_address,
			       .age = snap->now - snap->flow.created,
			       .callback = callback};

	flow_label(&snap->flow, label);
	page_ask(respond_page_begin(x), &site, &ask);
	respond_page(x, 200);
}

/* Asks whether the issuer is the provider's. */
static void
ask_issuer(struct context *x, const struct snapshot *snap,
	   const struct authorization_response *response)
{
	struct page_site site = context_page_site(x);
	char label[FLOW_NAME_MAX + 1];
	struct page_issuer issuer = {.id = snap->flow.id,
				     .kind = snap->flow.kind,
				     .mcp = snap->flow.mcp,
				     .provider = label,
				     .asked = snap->flow.authorize_origin,
				     .named = query_get(&response->query, "iss"),
				     .callback = response->raw};

	flow_label(&snap->flow, label);
	page_issuer(respond_page_begin(x), &site, &issuer);
	respond_page(x, 200);
}

enum err
flow_route_finish(struct context *x, const struct snapshot *snap,
		  const struct authorization_response *response, bool issuer_confirmed)
{
	enum err err = finish_waiting(x, snap, response, issuer_confirmed);

	if (err == ERR_ISSUER_UNSURE)
		ask_issuer(x, snap, response);
	else if (err == ERR_OK)
		respond_flow(x, snap->flow.id);
	else
		return err;
	return ERR_OK;
}

/* Whether editing the dead tab's URL would bring this flow's callback to us. */
static bool
address_edit(const struct context *x, const struct flow *flow)
{
	return !flow->direct && !flow->typed && !flow->stateless &&
	       flow->response_type == RESPONSE_TYPE_CODE && x->request->mount[0] == '\0' &&
	       config_callback_path(x->app->config, flow->redirect_path);
}

/* Finds the flow that the path names. ERR_UNKNOWN_FLOW if it is somebody else's. */
static enum err
find_own(struct context *x, struct snapshot *snap, enum claimant *who)
{
	enum err err;

	*who = CLAIMANT_OTHER;
	if (!x->site.usable)
		return ERR_NEEDS_HTTPS;
	err = access_find(x, x->segment, snap, who);
	if (err == ERR_OK && *who == CLAIMANT_OTHER)
		err = ERR_UNKNOWN_FLOW;
	x->uncounted = x->uncounted || *who == CLAIMANT_OWNER;
	return err;
}

static void
answer_flow_page(struct context *x, struct snapshot *snap, enum err problem)
{
	struct store *store = x->app->store;
	struct page_site site = context_page_site(x);
	char label[FLOW_NAME_MAX + 1];
	struct page_flow flow = {.id = snap->flow.id,
				 .kind = snap->flow.kind,
				 .mcp = snap->flow.mcp,
				 .response_type = snap->flow.response_type,
				 .provider = label,
				 .from_here = snap->flow.from_here,
				 .direct = snap->flow.direct,
				 .typed = snap->flow.typed,
				 .instructions = snap->flow.instructions,
				 .relay =
				     flow_relayed(&snap->flow) ? x->app->config->relay_via : NULL,
				 .again = flow_can_begin_again(&snap->flow),
				 .redirect_host = snap->flow.redirect_host,
				 .redirect_path = snap->flow.redirect_path,
				 .address_edit = address_edit(x, &snap->flow),
				 .problem = problem};
	struct buf url;
	enum err err = ERR_OK;

	flow_label(&snap->flow, label);
	buf_init(&url, FLOW_URL_MAX);
	if (snap->state == FLOW_WAITING) {
		err = store->ops->authorize_url(store, snap->flow.id, &url);
		flow.authorize_url = buf_text(&url);
		if (err == ERR_UNKNOWN_FLOW) /* it has just ended */
			err = store->ops->find(store, snap->flow.id, snap);
		if (err == ERR_OK && snap->state == FLOW_WAITING && url.len == 0)
			err = ERR_STORE;
	}
	if (err == ERR_OK) {
		flow.state = snap->state;
		flow.reason = snap->reason;
		flow.listed = snap->state == FLOW_DONE && snap->expired;
		flow.expires_in = snap->flow.expires - snap->now;
		if (flow.state == FLOW_WAITING)
			page_waiting(respond_page_begin(x), &site, &flow);
		else
			page_verdict(respond_page_begin(x), &site, &flow);
		respond_page(x, problem == ERR_OK ? 200 : error_status(problem));
	} else {
		respond_problem(x, err);
	}
	buf_free(&url);
}

void
flow_route_get(struct context *x)
{
	struct snapshot snap;
	enum claimant who;
	enum err err = find_own(x, &snap, &who);

	if (err == ERR_OK && who == CLAIMANT_ASK && snap.state != FLOW_WAITING)
		err = ERR_UNKNOWN_FLOW;
	if (err != ERR_OK) {
		respond_problem(x, err);
	} else if (who == CLAIMANT_ASK) {
		flow_route_ask(x, &snap, NULL);
	} else {
		expire_settle(x, &snap);
		answer_flow_page(x, &snap, ERR_OK);
	}
}

void
flow_route_status(struct context *x)
{
	struct snapshot snap;
	enum claimant who;
	char json[128];
	int64_t left;
	enum err err = find_own(x, &snap, &who);

	if (err == ERR_OK && who == CLAIMANT_ASK)
		err = ERR_UNKNOWN_FLOW;
	if (err != ERR_OK) {
		respond_json_problem(x, err);
		return;
	}
	expire_settle(x, &snap);
	left = snap.state == FLOW_WAITING ? snap.flow.expires - snap.now : 0;
	if (snap.reason == REASON_NONE)
		snprintf(json, sizeof(json), "{\"state\":\"%s\",\"expires_in\":%lld}",
			 flow_state_name(snap.state), (long long)left);
	else
		snprintf(
		    json, sizeof(json), "{\"state\":\"%s\",\"expires_in\":%lld,\"reason\":\"%s\"}",
		    flow_state_name(snap.state), (long long)left, flow_reason_name(snap.reason));
	respond_json(x, 200, json);
}

/* Asks whether a code that was pasted alone is this sign-in's. Answers unless there is an error. */
static enum err
ask_code(struct context *x, const struct snapshot *snap, const char *text)
{
	struct page_site site = context_page_site(x);
	char label[FLOW_NAME_MAX + 1];
	struct page_code code = {
	    .id = snap->flow.id, .kind = snap->flow.kind, .mcp = snap->flow.mcp, .provider = label};
	struct buf query;
	enum err err;

	flow_label(&snap->flow, label);
	buf_init(&query, QUERY_MAX);
	if ((err = code_alone_read(x, &snap->flow, text, &query)) == ERR_OK) {
		code.callback = buf_text(&query);
		page_code(respond_page_begin(x), &site, &code);
		respond_page(x, 200);
	}
	buf_free(&query);
	return err;
}

/* Handles address=, a code that was copied. Answers unless there is an error. */
static enum err
post_typed(struct context *x, const struct snapshot *snap, const char *text)
{
	struct authorization_response response = {.raw = ""};
	struct buf code;
	enum err err;

	buf_init(&code, QUERY_VALUE_MAX);
	if ((err = pasted_text_typed(text, &code)) == ERR_OK) {
		response.raw = buf_text(&code);
		memcpy(response.id, snap->flow.id, sizeof(response.id));
		err = flow_route_finish(x, snap, &response, false);
	}
	buf_free(&code);
	return err;
}

/* Handles address=, the dead tab's URL. Answers unless there is an error. */
static enum err
post_address(struct context *x, struct snapshot *snap, const char *address)
{
	struct authorization_response response = {.raw = ""};
	struct buf query;
	enum err err, alone;

	buf_init(&query, QUERY_MAX);
	err = pasted_text_read(address, &snap->flow, x->site.origin, &query);
	if (err == ERR_OK)
		err = authorization_response_read(&response, buf_text(&query), &snap->flow);
	if (err == ERR_OK && strcmp(response.id, snap->flow.id) != 0)
		err = ERR_PASTE_OTHER;
	if (err == ERR_OK)
		err = flow_route_finish(x, snap, &response, false);
	authorization_response_free(&response);
	buf_free(&query);
	if (err != ERR_PASTE_CODE && err != ERR_PASTE_TEXT)
		return err;
	alone = ask_code(x, snap, address);
	return alone == ERR_PASTE_CODE ? err : alone;
}

/* Handles load=yes, which the done page offers in case no window of opencode is waiting. */
static enum err
post_load(struct context *x, const struct snapshot *snap)
{
	enum err err;

	if (snap->state != FLOW_DONE || snap->flow.kind != KIND_PROVIDER)
		return ERR_OK;
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	err = opencode_reload(x, &snap->flow);
	call_slot_leave(x->app);
	return err;
}

/* Reads the response that a page of ours sends back to us. */
static enum err
read_callback(const struct snapshot *snap, const char *callback,
	      struct authorization_response *response)
{
	const struct flow *flow = snap->flow.stateless ? &snap->flow : NULL;
	enum err err = authorization_response_read(response, callback, flow);

	if (err == ERR_OK && strcmp(response->id, snap->flow.id) != 0)
		return ERR_UNKNOWN_FLOW;
	/* the response type that was requested */
	if (err == ERR_OK && snap->flow.response_type != RESPONSE_TYPE_CODE && !response->declined)
		return ERR_RESPONSE_MODE;
	return err;
}

/*
 * Handles confirm=yes: binds a flow that is bound to nobody to this browser, if opencode lets
 * its user in, and finishes the flow with the callback that the ask page showed, if any.
 */
static void
post_confirm(struct context *x, struct snapshot *snap, const char *callback)
{
	struct authorization_response response = {.raw = ""};
	struct response offered;
	enum err err;

	response_init(&offered);
	if ((err = call_slot_enter(x->app)) == ERR_OK) {
		err = api_find_lets_in(x);
		call_slot_leave(x->app);
	}
	if (err == ERR_OK && callback != NULL)
		err = read_callback(snap, callback, &response);
	if (err == ERR_OK && x->browser[0] == '\0')
		cookie_offer(&offered, x->site.secure, x->browser);
	if (err == ERR_OK)
		err = x->app->store->ops->bind(x->app->store, snap->flow.id, x->browser);
	if (err == ERR_TAKEN)
		err = ERR_UNKNOWN_FLOW;
	if (err == ERR_OK && callback != NULL)
		err = flow_route_finish(x, snap, &response, false);
	else if (err == ERR_OK)
		respond_flow(x, snap->flow.id);
	if (err != ERR_OK)
		respond_problem(x, err);
	/* sends the cookie even if delivery failed: the flow is bound to this browser now */
	buf_puts(&x->response->head, buf_text(&offered.head));
	response_free(&offered);
	authorization_response_free(&response);
}

/* Handles confirm=yes of the owner: the user says that this response is the one; with issuer=yes,
 * that the issuer in it is the provider's. */
static enum err
post_callback(struct context *x, const struct snapshot *snap, const char *callback, bool issuer)
{
	struct authorization_response response = {.raw = ""};
	enum err err = read_callback(snap, callback, &response);

	if (err == ERR_OK)
		err = flow_route_finish(x, snap, &response, issuer);
	authorization_response_free(&response);
	return err;
}

static bool
says_yes(const struct query *form, const char *name)
{
	const char *value = query_get(form, name);

	return value != NULL && strcmp(value, "yes") == 0;
}

/* Handles a form of the browser that the flow belongs to. Answers unless there is an error. */
static enum err
post_own(struct context *x, struct snapshot *snap, const struct query *form)
{
	const char *callback = query_get(form, "callback");
	enum err err = ERR_OK;

	if (says_yes(form, "load"))
		err = post_load(x, snap);
	else if (snap->state == FLOW_WAITING && callback != NULL && says_yes(form, "confirm"))
		return post_callback(x, snap, callback, says_yes(form, "issuer"));
	else if (snap->state == FLOW_WAITING && !says_yes(form, "confirm"))
		return snap->flow.typed ? post_typed(x, snap, query_get(form, "address"))
					: post_address(x, snap, query_get(form, "address"));
	if (err == ERR_OK)
		respond_flow(x, snap->flow.id);
	return err;
}

static void
post_form(struct context *x, struct snapshot *snap, enum claimant who, const struct query *form)
{
	enum err err;

	if (who == CLAIMANT_ASK) {
		if (!says_yes(form, "confirm") || snap->state != FLOW_WAITING)
			respond_problem(x, ERR_UNKNOWN_FLOW);
		else
			post_confirm(x, snap, query_get(form, "callback"));
		return;
	}
	if ((err = post_own(x, snap, form)) == ERR_OK)
		return;
	if (err != ERR_CREDENTIALS && snap->state == FLOW_WAITING && error_status(err) == 400) {
		respond_log_refusal(x, err, snap->flow.id);
		answer_flow_page(x, snap, err);
	} else {
		respond_problem(x, err);
	}
}

void
flow_route_post(struct context *x)
{
	struct query form = {.count = 0};
	struct snapshot snap;
	enum claimant who;
	enum err err = find_own(x, &snap, &who);

	if (err == ERR_OK)
		err = context_form(x, &form);
	if (err == ERR_OK)
		post_form(x, &snap, who, &form);
	else if (who == CLAIMANT_OWNER && snap.state == FLOW_WAITING && error_status(err) == 400) {
		respond_log_refusal(x, err, snap.flow.id);
		answer_flow_page(x, &snap,
				 err == ERR_ENCODING	 ? ERR_PASTE_TEXT
				 : err == ERR_VALUE_LONG ? ERR_PASTE_LONG
							 : err);
	} else
		respond_problem(x, err);
	query_free(&form);
}
