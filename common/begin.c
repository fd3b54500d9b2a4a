#include "begin.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "cookie.h"
#include "log.h"
#include "opencode.h"
#include "secret.h"

#define INSTRUCTIONS \
	"Open the link and sign in; the page behind it shows the last step, then this window " \
	"closes " \
	"by itself."
#define CANCEL_TARGET	 "/cancel"
#define CANCEL_MS	 2000
#define LISTENER_SECONDS 300 /* how long opencode's listeners wait */

/* One begin on its way. */
struct begin {
	struct exchange *x;
	struct buf body;
	int method;  /* of the provider */
	bool record; /* the site is one that sign-ins can come home to */
	struct store_keys keys;
	struct store_lock lock;
	struct http_reply reply; /* opencode's answer */
	bool cancelled;		 /* an older sign-in's listener was told so */
};

/* Headers of opencode's answer that go back to the browser. */
static bool
header_returns(const struct http_field *f)
{
	static const char *const names[] = {"content-type", "vary", "www-authenticate", "allow"};
	static const char cors[] = "access-control-";

	if (f->name_len > sizeof(cors) - 1 && strncasecmp(f->name, cors, sizeof(cors) - 1) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == f->name_len &&
		    strncasecmp(f->name, names[i], f->name_len) == 0)
			return true;
	return false;
}

/* Answers as opencode did; json, if not NULL, in the place of its body. */
static void
answer_forwarded(struct exchange *x, const struct http_reply *reply, const char *json)
{
	struct http_field f;
	const char *pos = NULL;
	struct buf name, value;

	response_start(x->response, reply->status);
	buf_init(&name, HEADER_MAX);
	buf_init(&value, HEADER_MAX);
	while (http_next_field(reply, &pos, &f)) {
		if (!header_returns(&f))
			continue;
		buf_free(&name);
		buf_free(&value);
		buf_add(&name, f.name, f.name_len);
		buf_add(&value, f.value, f.value_len);
		if (name.err == ERR_OK && value.err == ERR_OK)
			response_header(x->response, buf_text(&name), buf_text(&value));
	}
	buf_free(&name);
	buf_free(&value);
	response_security_headers(x->response, "no-store");
	if (json != NULL)
		buf_puts(&x->response->body, json);
	else
		buf_add(&x->response->body, buf_text(&reply->body), reply->body.len);
}

/* Sends the request on as it came, our own cookies left out. */
static enum err
forward(struct exchange *x, const struct buf *body, struct http_reply *reply)
{
	const struct request *r = x->request;
	struct http_call call = {.method = r->method};
	struct buf target, cookie;
	enum err err;

	*reply = (struct http_reply){.status = 0};
	buf_init(&target, QUERY_MAX + 2048);
	buf_init(&cookie, HEADER_MAX);
	buf_printf(&target, "%s%s%s", r->path, r->query[0] == '\0' ? "" : "?", r->query);
	err = target.err;
	if (err == ERR_OK)
		err = cookie_strip(r->cookie, &cookie);
	if (err == ERR_OK) {
		call.target = buf_text(&target);
		call.body = body == NULL ? NULL : buf_text(body);
		call.body_len = body == NULL ? 0 : body->len;
		http_header(&call, "Authorization", r->authorization);
		http_header(&call, "Content-Type", r->content_type);
		http_header(&call, "Accept", r->accept);
		http_header(&call, "Origin", r->origin);
		http_header(&call, "Access-Control-Request-Method", r->cors_method);
		http_header(&call, "Access-Control-Request-Headers", r->cors_headers);
		http_header(&call, "Cookie", cookie.len == 0 ? NULL : buf_text(&cookie));
		for (size_t i = 0; i < r->x_opencode_count; i++)
			http_header(&call, r->x_opencode[i].name, r->x_opencode[i].value);
		err = opencode_send(x, &call, reply);
	}
	buf_free(&target);
	buf_free(&cookie);
	return err;
}

/* A form of another site can send anything but JSON without being asked first (Fetch standard). */
static bool
foreign_form(const struct exchange *x)
{
	static const char json[] = "application/json";
	const char *type = x->request->content_type;

	if (!site_cross_site(&x->site, x->request))
		return false;
	return type == NULL || strncasecmp(type, json, sizeof(json) - 1) != 0 ||
	       (type[sizeof(json) - 1] != '\0' && type[sizeof(json) - 1] != ';');
}

void
begin_pass(struct exchange *x)
{
	bool has_body = x->request->content_length > 0 || strcmp(x->request->method, "POST") == 0;
	struct http_reply reply = {.status = 0};
	struct buf body;
	enum err err = ERR_OK;

	buf_init(&body, BODY_MAX);
	if (strcmp(x->request->method, "OPTIONS") != 0 && foreign_form(x))
		err = ERR_CROSS_SITE;
	else if (has_body)
		err = exchange_body(x, &body);
	if (err == ERR_OK && (err = calls_enter(x->app)) == ERR_OK) {
		err = forward(x, has_body ? &body : NULL, &reply);
		calls_leave(x->app);
	}
	if (err == ERR_OK)
		answer_forwarded(x, &reply, NULL);
	else
		answer_api_problem(x, err);
	http_reply_free(&reply);
	buf_free(&body);
}

/* The method's number, as JavaScript would read it; false if the body holds none. */
static bool
read_method(const struct buf *body, int *method)
{
	json_t *json = json_loadb(buf_text(body), body->len, 0, NULL);
	const json_t *value = json_object_get(json, "method");
	double number = json_number_value(value);
	bool good =
	    json_is_number(value) && number >= 0 && number < 1000 && floor(number) == number;

	*method = good ? (int)number : -1;
	json_decref(json);
	return good;
}

/* Whether opencode's list of methods says that this one is a sign-in. */
static bool
method_listed(const struct http_reply *reply, const char *provider, int method)
{
	json_t *json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	const json_t *item = json_array_get(json_object_get(json, provider), (size_t)method);
	const char *type = json_string_value(json_object_get(item, "type"));
	bool listed = type != NULL && strcmp(type, "oauth") == 0;

	json_decref(json);
	return listed;
}

/* Everything that would be in vain or unsafe to find out after opencode was asked. */
static enum err
begin_check(struct begin *b)
{
	struct exchange *x = b->x;
	enum err err;

	if (foreign_form(x))
		return ERR_CROSS_SITE;
	if ((err = exchange_body(x, &b->body)) != ERR_OK)
		return err;
	/* what opencode makes of a body that we cannot read is its own affair, and not recorded */
	b->record = read_method(&b->body, &b->method) && x->site.usable &&
		    strlen(x->segment) <= FLOW_NAME_MAX && strchr(x->segment, '%') == NULL;
	b->keys.client = x->browser[0] != '\0'
			     ? secret_key("browser", x->browser, NULL)
			     : secret_key("address", x->request->remote_addr, NULL);
	b->keys.group = flow_group(x->site.opencode->name, x->segment);
	return ERR_OK;
}

/* Whether the listener of an older sign-in may still have its timer running. */
static bool
may_linger(const struct snapshot *old)
{
	return old->state == FLOW_WAITING || old->state == FLOW_EXPIRED ||
	       (old->state == FLOW_FAILED && old->reason == REASON_INTERRUPTED);
}

/* The flows that this begin may replace, newest first. */
static enum err
list_older(struct begin *b, char id[STORE_LIST_MAX][FLOW_ID_LEN + 1], size_t *count)
{
	struct store *store = b->x->app->store;
	int lifetime = b->x->app->config->lifetime;

	*count = 0;
	return store->ops->list_recent(
	    store, &b->keys, lifetime > LISTENER_SECONDS ? lifetime : LISTENER_SECONDS, id, count);
}

/* Asks opencode whether it would begin this for this caller. */
static enum err
ask_acceptable(struct begin *b, bool *acceptable)
{
	struct http_reply reply;
	enum err err = opencode_lets_in(b->x, &reply);

	*acceptable =
	    err == ERR_OK && b->method >= 0 && method_listed(&reply, b->x->segment, b->method);
	http_reply_free(&reply);
	/* opencode's own answer to the begin says it better */
	return err == ERR_CREDENTIALS || err == ERR_OPENCODE_ANSWER ? ERR_OK : err;
}

/*
 * A newer sign-in replaces the pending one inside opencode, but the replaced
 * one's timer would still end the newer. So its listener is told to cancel:
 * only when opencode lets this caller in, and the begin is one that it will accept.
 */
static enum err
cancel_replaced(struct begin *b)
{
	struct store *store = b->x->app->store;
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	struct http_reply reply;
	struct snapshot old;
	size_t count;
	enum err err = list_older(b, id, &count);

	for (size_t i = 0; err == ERR_OK && i < count && !b->cancelled; i++) {
		if (store->ops->find(store, id[i], &old) != ERR_OK || !may_linger(&old))
			continue;
		err = ask_acceptable(b, &b->cancelled);
		if (err != ERR_OK || !b->cancelled)
			return err;
		/* superseded first: its redirect must not reach the listener after this */
		if (old.state == FLOW_WAITING &&
		    store->ops->supersede(store, old.flow.id) != ERR_OK)
			continue;
		if (listener_get(b->x, &old.flow, CANCEL_TARGET, CANCEL_MS, &reply) != ERR_OK)
			log_event(LOG_LEVEL_WARNING, "cancel-unanswered", "flow", old.flow.id,
				  NULL);
		http_reply_free(&reply);
	}
	return err;
}

/* Ends the flows that wait in the same group or slot, but not `keep`. */
static void
supersede_older(struct begin *b, const char *keep)
{
	struct store *store = b->x->app->store;
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	struct snapshot old;
	size_t count;

	if (list_older(b, id, &count) != ERR_OK)
		return;
	for (size_t i = 0; i < count; i++)
		if (strcmp(id[i], keep) != 0 && store->ops->find(store, id[i], &old) == ERR_OK &&
		    old.state == FLOW_WAITING && store->ops->supersede(store, id[i]) == ERR_OK)
			log_event(LOG_LEVEL_INFO, "flow-superseded", "flow", id[i], "by",
				  keep[0] == '\0' ? NULL : keep, NULL);
}

static const char *
x_header(const struct request *r, const char *name)
{
	for (size_t i = 0; i < r->x_opencode_count; i++)
		if (strcmp(r->x_opencode[i].name, name) == 0)
			return r->x_opencode[i].value;
	return "";
}

/* A record can hold text only. */
static bool
header_text(const char *value)
{
	return utf8_valid(value, strlen(value));
}

static bool
copy_text(char *out, size_t size, const char *text)
{
	if (strlen(text) >= size)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static int
lifetime_of(const struct exchange *x)
{
	static const struct {
		const char *provider;
		int seconds;
	} shorter[] = {{"gitlab", 120}}; /* its listener gives up sooner than the others */
	int seconds = x->app->config->lifetime;

	for (size_t i = 0; i < sizeof(shorter) / sizeof(shorter[0]); i++)
		if (strcmp(x->segment, shorter[i].provider) == 0 && shorter[i].seconds < seconds)
			seconds = shorter[i].seconds;
	return seconds;
}

/* Fills a flow from the request. False if it could not be finished as it began. */
static bool
fill_flow(const struct begin *b, struct flow *flow)
{
	const struct exchange *x = b->x;
	const struct request *r = x->request;

	flow->method = b->method;
	flow->authenticated = r->authorization != NULL || strstr(r->query, "auth_token=") != NULL;
	flow->bound = x->browser[0] != '\0';
	flow->created = x->app->store->ops->now(x->app->store);
	flow->expires = flow->created + lifetime_of(x);
	if (!copy_text(flow->address, sizeof(flow->address),
		       r->remote_addr == NULL ? "" : r->remote_addr))
		flow->address[0] = '\0';
	return header_text(x_header(r, "x-opencode-directory")) &&
	       header_text(x_header(r, "x-opencode-workspace")) &&
	       copy_text(flow->opencode, sizeof(flow->opencode), x->site.opencode->name) &&
	       copy_text(flow->provider, sizeof(flow->provider), x->segment) &&
	       copy_text(flow->browser, sizeof(flow->browser), x->browser) &&
	       copy_text(flow->directory, sizeof(flow->directory),
			 x_header(r, "x-opencode-directory")) &&
	       copy_text(flow->workspace, sizeof(flow->workspace),
			 x_header(r, "x-opencode-workspace")) &&
	       query_copy_raw(r->query, "directory", flow->query, sizeof(flow->query)) &&
	       query_copy_raw(r->query, "workspace", flow->query, sizeof(flow->query));
}

/* The rewritten answer: our flow page in the place of the authorize URL. */
static void
answer_begun(struct begin *b, json_t *json, const char *id)
{
	struct exchange *x = b->x;
	json_t *url = json_sprintf("%s%s/flow/%s", x->site.origin, x->base, id);
	char *text = NULL;

	if (json_object_set_new(json, "url", url) == 0 &&
	    json_object_set_new(json, "instructions", json_string(INSTRUCTIONS)) == 0)
		text = json_dumps(json, JSON_COMPACT);
	if (text == NULL)
		answer_api_problem(x, ERR_MEMORY);
	else
		answer_forwarded(x, &b->reply, text);
	free(text);
}

/* Records the flow of an authorize URL that leads to a loopback address, and answers. */
static void
record(struct begin *b, json_t *json, const char *url, struct flow *flow)
{
	struct exchange *x = b->x;
	struct store *store = x->app->store;
	struct response offered;
	enum err err;

	response_init(&offered);
	b->keys.slot = flow_slot(flow);
	supersede_older(b, flow->id);
	if (!flow->bound)
		cookie_offer(&offered, x->site.secure, flow->browser);
	b->keys.browser = secret_key("browser", flow->browser, NULL);
	err = store->ops->add(store, flow, url, &b->keys);
	if (err == ERR_OK) {
		log_event(LOG_LEVEL_INFO, "flow-begun", "flow", flow->id, "provider",
			  flow->provider, "client", x->request->remote_addr, "bound",
			  flow->bound ? "yes" : "offered", NULL);
		answer_begun(b, json, flow->id);
		buf_puts(&x->response->head, buf_text(&offered.head));
	} else {
		answer_api_problem(x, err);
	}
	response_free(&offered);
}

/* opencode has answered: what kind of sign-in is it, and is it ours to bring home? */
static void
begin_answer(struct begin *b)
{
	json_t *json = NULL;
	const char *url = NULL, *mode = NULL;
	struct flow flow = {.method = 0};

	if (b->reply.status == 200)
		json = json_loadb(buf_text(&b->reply.body), b->reply.body.len, 0, NULL);
	url = json_string_value(json_object_get(json, "url"));
	mode = json_string_value(json_object_get(json, "method"));
	if (b->record && url != NULL && mode != NULL && strcmp(mode, "auto") == 0 &&
	    authorize_url_read(url, &flow) && fill_flow(b, &flow)) {
		record(b, json, url, &flow);
	} else {
		/* opencode keeps one pending sign-in per provider, whatever its kind */
		if (url != NULL || b->cancelled)
			supersede_older(b, "");
		answer_forwarded(b->x, &b->reply, NULL);
	}
	json_decref(json);
}

/* Asks opencode and records, under the lock of the provider: our order is opencode's order. */
static enum err
begin_locked(struct begin *b)
{
	struct exchange *x = b->x;
	struct store *store = x->app->store;
	enum err err = store->ops->lock(store, b->keys.group, &b->lock);

	if (err == ERR_OK)
		err = store->ops->room(store, &b->keys);
	if (err == ERR_OK)
		err = cancel_replaced(b);
	if (err == ERR_OK)
		err = forward(x, &b->body, &b->reply);
	if (err == ERR_OK)
		begin_answer(b);
	else if (b->cancelled)
		supersede_older(b, "");
	store->ops->unlock(store, &b->lock);
	return err;
}

void
begin_provider(struct exchange *x)
{
	struct begin b = {.x = x, .lock = {.fd = -1}};
	enum err err;

	buf_init(&b.body, BODY_MAX);
	err = begin_check(&b);
	if (err == ERR_OK && (err = calls_enter(x->app)) == ERR_OK) {
		err = begin_locked(&b);
		calls_leave(x->app);
	}
	if (err != ERR_OK)
		answer_api_problem(x, err);
	http_reply_free(&b.reply);
	buf_free(&b.body);
}
