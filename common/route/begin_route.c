#include "route/begin_route.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/respond.h"
#include "core/same_origin.h"
#include "opencode/begin_answer.h"
#include "opencode/call_slot.h"
#include "opencode/connected.h"
#include "opencode/opencode.h"
#include "opencode/passthrough.h"
#include "signin/begin.h"
#include "signin/flow_list.h"
#include "util/json.h"

#define METHODS_MAX 1000 /* of one provider */

/* Reads the method: a provider's is a number, as in JavaScript; an integration's is a string. */
static bool
read_method(const json_t *json, struct flow *flow)
{
	const json_t *value = json_object_get(json, "method");
	double number = json_number_value(value);
	const char *word = json_string_value(json_object_get(json, "methodID"));

	switch (flow->kind) {
	case KIND_PROVIDER:
		if (!json_is_number(value) || number < 0 || number >= METHODS_MAX ||
		    floor(number) != number)
			return false;
		flow->method = (int)number;
		return true;
	case KIND_INTEGRATION:
		if (word == NULL || strlen(word) >= sizeof(flow->method_id))
			return false;
		memcpy(flow->method_id, word, strlen(word) + 1);
		return true;
	default:
		return true;
	}
}

/* Reads what the body says of the flow; known: whether it can be read. ERR_MEMORY. */
static enum err
read_body(const struct buf *body, struct flow *flow, bool *known)
{
	json_t *json;
	enum err err = json_read(buf_text(body), body->len, 0, &json);

	*known = read_method(json, flow);
	flow->with_inputs = begin_has_inputs(json_object_get(json, "inputs")) ||
			    begin_has_inputs(json_object_get(json, "answer"));
	json_decref(json);
	return err == ERR_MEMORY ? err : ERR_OK;
}

static enum err
ask_as_it_came(struct begin *b)
{
	return passthrough_send(b->x, &b->body, b->api != NULL && b->api->sessions, &b->reply);
}

/* Makes every check that would be too late or unsafe once opencode was asked. */
static enum err
prepare(struct begin *b)
{
	struct context *x = b->x;
	enum err err;

	if (same_origin_foreign_form(&x->site, x->request))
		return ERR_CROSS_SITE;
	if ((err = context_body(x, &b->body)) != ERR_OK)
		return err;
	b->ask = ask_as_it_came;
	/* a body that we cannot read goes to opencode all the same, and is not recorded */
	if ((err = read_body(&b->body, &b->flow, &b->record)) != ERR_OK)
		return err;
	b->record = b->record && begin_name(b, x->segment) && context_project(x, &b->flow) &&
		    x->site.usable && (b->flow.kind == KIND_MCP || strchr(x->segment, '%') == NULL);
	return ERR_OK;
}

/* Sends opencode's response, with our flow page in place of an authorize URL whose redirect URI is
 * a loopback address. */
static void
answer_recorded(struct begin *b)
{
	struct context *x = b->x;
	struct begin_answer begun;
	struct buf url;
	char *text = NULL;

	buf_init(&url, ORIGIN_MAX + CONTEXT_BASE_MAX + FLOW_ID_LEN + 8);
	buf_printf(&url, "%s%s/flow/%s", x->site.origin, x->base, b->flow.id);
	if (url.err == ERR_OK && begin_answer_read(b->flow.kind, b->json, &begun) &&
	    begin_answer_rewrite(b->flow.kind, &begun, buf_text(&url)))
		text = json_write(b->json);
	if (text == NULL)
		respond_api_problem(x, ERR_MEMORY);
	else
		passthrough_respond(x, &b->reply, text);
	free(text);
	buf_free(&url);
}

/* Sends opencode's response, with the authorize URL whose state is wrapped for the relay. */
static void
answer_relayed(struct begin *b)
{
	struct context *x = b->x;
	struct buf text;
	enum err err;

	buf_init(&text, RESPONSE_BODY_MAX);
	err = json_replace(&b->reply.body, b->url, buf_text(&b->wrapped), &text);
	if (err == ERR_OK)
		passthrough_respond(x, &b->reply, buf_text(&text));
	else
		respond_api_problem(x, err);
	buf_free(&text);
}

static void
begin(struct context *x, enum flow_kind kind)
{
	struct begin b;
	enum err err;

	begin_init(&b, x, kind);
	err = prepare(&b);
	if (err == ERR_OK)
		err = begin_run(&b);
	if (err != ERR_OK)
		respond_api_problem(x, err);
	else if (b.recorded && !b.flow.direct)
		answer_recorded(&b);
	else if (b.recorded && flow_relayed(&b.flow))
		answer_relayed(&b);
	else
		passthrough_respond(x, &b.reply, NULL);
	if (b.recorded)
		buf_puts(&x->response->head, buf_text(&b.offered.head));
	begin_free(&b);
}

void
begin_route_provider(struct context *x)
{
	begin(x, KIND_PROVIDER);
}

void
begin_route_mcp(struct context *x)
{
	begin(x, KIND_MCP);
}

/* The web UI shows this for five seconds, as plain text that nobody can click or copy. */
static void
answer_button(struct begin *b)
{
	struct context *x = b->x;
	char label[FLOW_NAME_MAX + 1];
	struct buf text;

	flow_label(&b->flow, label);
	buf_init(&text, RESPONSE_BODY_MAX);
	buf_printf(&text, "Sign in to %s at %s%s/ and then click here again.", label,
		   x->site.origin, x->base);
	if (text.err != ERR_OK)
		respond_api_problem(x, text.err);
	else
		respond_api_text(x, 409, buf_text(&text));
	buf_free(&text);
}

/* Asks opencode, with the visitor's credentials, whether the server is connected already. */
static enum err
button_connected(struct begin *b, bool *connected)
{
	struct call call = {.method = "GET"};
	struct call_reply reply;
	char status[32];
	enum err err = call_slot_enter(b->x->app);

	*connected = false;
	if (err != ERR_OK)
		return err;
	err = opencode_visitor_send(b->x, &b->flow, "/mcp", &call, &reply);
	call_slot_leave(b->x->app);
	connected_mcp_read(&reply, &b->flow, status, sizeof(status));
	*connected = strcmp(status, "connected") == 0;
	call_reply_free(&reply);
	return err;
}

/* Whether this browser has the same sign-in waiting: a second click must not supersede it. */
static bool
button_waits(struct begin *b)
{
	struct store *store = b->x->app->store;
	struct flow_list list;
	struct snapshot snap;

	if (flow_list(b->x, true, &list) != ERR_OK)
		return false;
	for (size_t i = 0; i < list.count; i++)
		if (store->ops->find(store, list.item[i].id, &snap) == ERR_OK &&
		    snap.flow.kind == b->flow.kind &&
		    strcmp(snap.flow.provider, b->flow.provider) == 0 &&
		    strcmp(snap.flow.directory, b->flow.directory) == 0 &&
		    strcmp(snap.flow.query, b->flow.query) == 0)
			return true;
	return false;
}

static void
button_begin(struct begin *b)
{
	struct context *x = b->x;
	enum err err;

	b->ask = begin_ask;
	if ((err = begin_run(b)) != ERR_OK) {
		respond_api_problem(x, err);
	} else if (b->recorded) {
		answer_button(b);
		buf_puts(&x->response->head, buf_text(&b->offered.head));
	} else if (b->reply.status == 200) {
		respond_api_problem(x, b->url == NULL ? ERR_BEGIN_NEEDLESS : ERR_ADOPT_REDIRECT);
	} else {
		passthrough_respond(x, &b->reply, NULL);
	}
}

void
begin_route_mcp_button(struct context *x)
{
	bool connected = false;
	struct begin b;
	enum err err;

	begin_init(&b, x, KIND_MCP);
	err = x->site.usable ? prepare(&b) : ERR_NEEDS_HTTPS;
	if (err == ERR_OK)
		err = button_connected(&b, &connected);
	if (err != ERR_OK)
		respond_api_problem(x, err);
	else if (connected)
		respond_json(x, 200, "{\"status\":\"connected\"}");
	else if (button_waits(&b))
		answer_button(&b);
	else
		button_begin(&b);
	begin_free(&b);
}

void
begin_route_integration(struct context *x)
{
	begin(x, KIND_INTEGRATION);
}

void
begin_route_other(struct context *x)
{
	bool has_body = x->request->content_length > 0 || strcmp(x->request->method, "POST") == 0;
	struct call_reply reply = {.status = 0};
	struct buf body;
	enum err err = ERR_OK;

	buf_init(&body, BODY_MAX);
	if (strcmp(x->request->method, "OPTIONS") != 0 &&
	    same_origin_foreign_form(&x->site, x->request))
		err = ERR_CROSS_SITE;
	else if (has_body)
		err = context_body(x, &body);
	if (err == ERR_OK && (err = call_slot_enter(x->app)) == ERR_OK) {
		err = passthrough_send(x, has_body ? &body : NULL, false, &reply);
		call_slot_leave(x->app);
	}
	if (err == ERR_OK)
		passthrough_respond(x, &reply, NULL);
	else
		respond_api_problem(x, err);
	call_reply_free(&reply);
	buf_free(&body);
}
