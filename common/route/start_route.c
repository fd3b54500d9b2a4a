#include "route/start_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/respond.h"
#include "flow/pasted_text.h"
#include "flow/url.h"
#include "http/origin.h"
#include "opencode/accounts.h"
#include "opencode/api/api_find.h"
#include "opencode/begin_answer.h"
#include "opencode/call_slot.h"
#include "opencode/opencode.h"
#include "route/start_form.h"
#include "signin/access.h"
#include "signin/authorize_url.h"
#include "signin/begin.h"
#include "signin/device_code.h"
#include "signin/flow_list.h"
#include "util/json.h"
#include "view/page_device.h"
#include "view/page_start.h"

#define DEVICE_MS 3000 /* for opencode to accept a call that it answers minutes later */

void
start_route_respond(struct context *x, enum err problem)
{
	struct page_site site = context_page_site(x);
	struct account_list *accounts = NULL;
	struct flow project = {.method = 0};
	struct flow_list flows = {.count = 0};
	struct page_start start = {.query = project.query, .problem = problem};
	enum err err = x->site.usable ? ERR_OK : ERR_NEEDS_HTTPS;

	if (err == ERR_OK && !context_project(x, &project))
		err = ERR_QUERY_LONG;
	if (err == ERR_OK)
		err = accounts_read(x, &project, &accounts);
	if (err == ERR_OK)
		err = flow_list(x, false, &flows);
	if (err == ERR_OK) {
		start.account = accounts->account;
		start.account_count = accounts->accounts;
		start.mcp = accounts->mcp;
		start.mcp_count = accounts->servers;
		start.flows = (struct page_list){flows.item, flows.count};
		page_start(respond_page_begin(x), &site, &start);
		respond_page(x, problem == ERR_OK ? 200 : error_status(problem));
	} else {
		respond_problem(x, err);
	}
	account_list_free(accounts);
}

void
start_route_get(struct context *x)
{
	start_route_respond(x, ERR_OK);
}

static enum err
write_body(struct begin *b, const struct query *form)
{
	json_t *inputs = start_form_inputs(form), *answer = start_form_answer(form), *json = NULL;
	enum err err = ERR_MEMORY;
	char *text;

	b->flow.with_inputs = begin_has_inputs(answer);
	if (b->flow.kind == KIND_PROVIDER)
		json = json_pack("{s:i, s:O}", "method", b->flow.method, "inputs", inputs);
	else if (b->flow.kind == KIND_INTEGRATION)
		json = json_pack("{s:s, s:O, s:O}", "methodID", b->flow.method_id, "inputs", inputs,
				 "answer", answer);
	else
		json = json_object();
	if ((text = json_write(json)) != NULL)
		err = buf_puts(&b->body, text);
	free(text);
	json_decref(json);
	json_decref(answer);
	json_decref(inputs);
	return err;
}

/* Returns why opencode's response began no sign-in whose callback could reach us. */
static enum err
not_begun(const struct begin *b, const struct query *form)
{
	const struct flow *flow = &b->flow;

	if (b->reply.status == 401)
		return ERR_CREDENTIALS;
	if (b->reply.status != 200 && flow->mcp)
		return ERR_BEGIN_MCP;
	if (b->reply.status == 400)
		return flow->kind == KIND_INTEGRATION && !start_form_asks(form) ? ERR_BEGIN_REFUSED
										: ERR_BEGIN_INPUT;
	if (b->reply.status != 200)
		return ERR_BEGIN_REFUSED;
	if (b->url == NULL)
		return flow->mcp ? ERR_BEGIN_NEEDLESS : ERR_BEGIN_REFUSED;
	return ERR_BEGIN_KIND;
}

/* Whether the user signs in at the provider, on any machine: no redirect comes, opencode asks the
 * provider itself. */
static bool
is_device(const struct begin *b, struct begin_answer *begun)
{
	struct flow flow = {.method = 0};

	return (b->flow.kind == KIND_PROVIDER || b->flow.kind == KIND_INTEGRATION) &&
	       b->reply.status == 200 && begin_answer_read(b->flow.kind, b->json, begun) &&
	       begun->automatic && url_is_web(begun->url) &&
	       authorize_url_read(begun->url, NULL, &flow) == ERR_ADOPT_TEXT &&
	       (device_code_shown(begun->url, begun->instructions) ||
		device_code_stays(begun->url));
}

/*
 * Makes the finishing call, with which opencode begins to poll. opencode continues when nobody
 * waits for its response any more, so a timeout is a success.
 */
static enum err
finish_device(struct begin *b)
{
	char path[FLOW_NAME_MAX + 40], body[32];
	struct call call = {.method = "POST", .body = body, .timeout_ms = DEVICE_MS};
	struct call_reply reply;
	enum err err = call_slot_enter(b->x->app);

	if (err != ERR_OK)
		return err;
	snprintf(path, sizeof(path), "/provider/%s/oauth/callback", b->flow.provider);
	call.body_len = (size_t)snprintf(body, sizeof(body), "{\"method\":%d}", b->flow.method);
	err = opencode_visitor_send(b->x, &b->flow, path, &call, &reply);
	call_slot_leave(b->x->app);
	if (err == ERR_OK && reply.status != 200)
		err = ERR_BEGIN_REFUSED;
	call_reply_free(&reply);
	return err == ERR_OPENCODE_TIMEOUT ? ERR_OK : err;
}

static void
answer_device(struct begin *b, const struct begin_answer *begun)
{
	struct context *x = b->x;
	struct page_site site = context_page_site(x);
	struct page_device device = {.provider = b->flow.provider,
				     .url = begun->url,
				     .instructions = begun->instructions,
				     .code = device_code_shown(begun->url, begun->instructions),
				     .query = b->flow.query};
	/* an attempt of the integration API polls by itself */
	enum err err = b->flow.kind == KIND_PROVIDER ? finish_device(b) : ERR_OK;

	if (err != ERR_OK) {
		respond_problem(x, err);
		return;
	}
	page_device(respond_page_begin(x), &site, &device);
	respond_page(x, 200);
}

/* Begins the sign-in that b->flow names, and redirects to its page. */
static void
begin_here(struct begin *b, const struct query *form)
{
	struct context *x = b->x;
	struct begin_answer begun;
	enum err err = write_body(b, form);

	b->ask = begin_ask;
	b->record = true;
	b->flow.from_here = true;
	if (err == ERR_OK)
		err = begin_run(b);
	if (err == ERR_OK && b->recorded) {
		respond_flow(x, b->flow.id);
		buf_puts(&x->response->head, buf_text(&b->offered.head));
	} else if (err == ERR_OK && is_device(b, &begun)) {
		answer_device(b, &begun);
	} else {
		respond_problem(x, err == ERR_OK ? not_begun(b, form) : err);
	}
}

/* Whether text is a provider's id or a server's name that, in a path, cannot lead elsewhere. */
static bool
is_segment(const char *text)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_.~%@:+";

	return text[0] != '\0' && text[strspn(text, bytes)] == '\0' && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

/* What the visitor chose: a provider's method, or an MCP server. */
struct choice {
	struct flow *flow;
	const char *provider; /* NULL: an MCP server */
	const char *method;
	const char *mcp;
};

static enum err
choose(const struct context *x, const struct opencode_api *api, void *ctx)
{
	const struct choice *c = ctx;

	return c->provider != NULL ? api->choose(c->flow, c->provider, c->method)
				   : api->choose_mcp(x, c->flow, c->mcp);
}

/* Finds out how this opencode names what was chosen. */
static enum err
resolve(struct context *x, struct choice *choice)
{
	const char *name = choice->provider != NULL ? choice->provider : choice->mcp;
	const struct opencode_api *api;
	enum err err = ERR_OK;

	if (!is_segment(name) || !context_project(x, choice->flow))
		return ERR_REQUEST;
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	/* the id of a method tells whose it is, the name of a server does not */
	if (choice->provider == NULL)
		err = api_find(x, &api);
	if (err == ERR_OK || err == ERR_CREDENTIALS)
		err = api_find_run(x, choose, choice);
	call_slot_leave(x->app);
	/* opencode answered, and has no such method */
	return choice->provider != NULL && err == ERR_OPENCODE_ANSWER ? ERR_REQUEST : err;
}

static void
start_named(struct context *x, const char *provider, const char *mcp, const struct query *form)
{
	struct begin b;
	struct choice choice = {&b.flow, provider, query_get(form, "method"), mcp};
	enum err err;

	begin_init(&b, x, KIND_PROVIDER);
	if ((err = resolve(x, &choice)) == ERR_OK)
		begin_here(&b, form);
	else
		respond_problem(x, err);
	begin_free(&b);
}

/* Inputs of a method are not stored: the start page of the same project asks for them again. */
static void
answer_start_over(struct context *x, const struct flow *flow)
{
	struct buf path;

	buf_init(&path, CONTEXT_BASE_MAX + FLOW_DIRECTORY_MAX + 16);
	buf_printf(&path, "%s/", x->base);
	if (flow->query[0] != '\0')
		buf_printf(&path, "?%s", flow->query);
	else if (flow->directory[0] != '\0' && is_segment(flow->directory))
		buf_printf(&path, "?directory=%s", flow->directory);
	response_redirect(x->response, buf_text(&path));
	buf_free(&path);
}

/* Begins the sign-in of an earlier flow again, in the same project. */
static void
start_again(struct context *x, const char *id)
{
	enum claimant who = CLAIMANT_OTHER;
	struct snapshot snap;
	struct begin b;
	enum err err = flow_id_valid(id) ? access_find(x, id, &snap, &who) : ERR_UNKNOWN_FLOW;

	if (err == ERR_OK && (who != CLAIMANT_OWNER ||
			      (!flow_can_begin_again(&snap.flow) && !snap.flow.with_inputs)))
		err = ERR_UNKNOWN_FLOW;
	if (err != ERR_OK) {
		respond_problem(x, err);
		return;
	}
	if (snap.flow.with_inputs) {
		answer_start_over(x, &snap.flow);
		return;
	}
	begin_init(&b, x, snap.flow.kind);
	b.flow =
	    (struct flow){.kind = snap.flow.kind, .method = snap.flow.method, .mcp = snap.flow.mcp};
	memcpy(b.flow.provider, snap.flow.provider, sizeof(b.flow.provider));
	memcpy(b.flow.method_id, snap.flow.method_id, sizeof(b.flow.method_id));
	memcpy(b.flow.directory, snap.flow.directory, sizeof(b.flow.directory));
	memcpy(b.flow.workspace, snap.flow.workspace, sizeof(b.flow.workspace));
	memcpy(b.flow.query, snap.flow.query, sizeof(b.flow.query));
	begin_here(&b, NULL);
	begin_free(&b);
}

void
start_route_post(struct context *x)
{
	struct query form = {.count = 0};
	const char *again, *mcp, *provider;
	enum err err = x->site.usable ? context_form(x, &form) : ERR_NEEDS_HTTPS;

	again = query_get(&form, "again");
	mcp = query_get(&form, "mcp");
	provider = query_get(&form, "provider");
	if (err != ERR_OK)
		respond_problem(x, err);
	else if (again != NULL)
		start_again(x, again);
	else if (mcp != NULL)
		start_named(x, NULL, mcp, &form);
	else if (provider != NULL)
		start_named(x, provider, NULL, &form);
	else
		respond_problem(x, ERR_REQUEST);
	query_free(&form);
}

/* Anybody whom opencode lets in may adopt a sign-in that a terminal began. */
static enum err
ask_consent(struct begin *b)
{
	return api_find_lets_in(b->x);
}

/* Records the sign-in of an authorize URL, under the name of the host that it leads to. */
static enum err
adopt(struct begin *b, const char *url)
{
	struct flow named = {.kind = KIND_TERMINAL};
	const char *host;
	enum err err = authorize_url_read(url, NULL, &named);

	if (err != ERR_OK)
		return err;
	if (named.redirect_port == b->x->site.opencode->port)
		return ERR_ADOPT_REDIRECT; /* the port of opencode itself, not of a listener */
	host = origin_authority(named.authorize_origin);
	if (host == NULL || !begin_name(b, host))
		return ERR_ADOPT_TEXT;
	b->adopted = url;
	b->record = true;
	b->ask = ask_consent;
	return begin_run(b);
}

void
start_route_adopt(struct context *x)
{
	struct query form = {.count = 0};
	struct begin b;
	struct buf url;
	enum err err = x->site.usable ? context_form(x, &form) : ERR_NEEDS_HTTPS;

	begin_init(&b, x, KIND_TERMINAL);
	buf_init(&url, FLOW_URL_MAX);
	if (err == ERR_OK)
		err = pasted_text_authorize_url(query_get(&form, "address"), &url);
	if (err == ERR_OK)
		err = adopt(&b, buf_text(&url));
	if (err == ERR_OK || err == ERR_TAKEN) { /* taken: the flow is already recorded */
		respond_flow(x, b.flow.id);
		buf_puts(&x->response->head, buf_text(&b.offered.head));
	} else if (error_status(err) == 400) {
		respond_log_refusal(x, err, NULL);
		start_route_respond(x, err);
	} else {
		respond_problem(x, err);
	}
	buf_free(&url);
	begin_free(&b);
	query_free(&form);
}
