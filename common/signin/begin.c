#include "signin/begin.h"

#include <string.h>
#include <time.h>

#include "flow/provider.h"
#include "http/cookie.h"
#include "opencode/api/api_find.h"
#include "opencode/attempt.h"
#include "opencode/begin_answer.h"
#include "opencode/call_slot.h"
#include "opencode/opencode.h"
#include "signin/authorize_url.h"
#include "signin/find_listener.h"
#include "signin/relay_wrap.h"
#include "util/json.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/text.h"

#define RETRY_MS 60 /* between attempts, while a port is still taken */
#define RETRIES	 8  /* attempts at most */
#define LOOKS	 2  /* more begins, to find the listener of one */

void
begin_init(struct begin *b, struct context *x, enum flow_kind kind)
{
	*b = (struct begin){.x = x, .lock = STORE_LOCK_NONE, .flow = {.kind = kind, .method = -1}};
	b->flow.mcp = kind == KIND_MCP;
	b->newcomer =
	    (struct newcomer){.x = x, .flow = &b->flow, .keys = &b->keys, .body = &b->body};
	buf_init(&b->body, BODY_MAX);
	buf_init(&b->wrapped, FLOW_URL_MAX);
	response_init(&b->offered);
}

void
begin_free(struct begin *b)
{
	call_reply_free(&b->reply);
	response_free(&b->offered);
	buf_free(&b->body);
	buf_free(&b->wrapped);
	json_decref(b->json);
}

bool
begin_name(struct begin *b, const char *provider)
{
	return text_copy(b->flow.provider, sizeof(b->flow.provider), provider);
}

/* Returns whether opencode says, or may mean, that an older attempt is still pending. Its kind of
 * error is the same where it refuses what was entered; only some versions say more. */
static bool
is_attempt_taken(const struct call_reply *reply)
{
	json_t *json = json_loadb(buf_text(&reply->body), reply->body.len, 0, NULL);
	const char *kind = json_string_value(json_object_get(json, "kind"));
	const char *message = json_string_value(json_object_get(json, "message"));
	bool taken = kind != NULL && strcmp(kind, "integration_authorization") == 0 &&
		     (message == NULL || strcmp(message, "Authentication failed") == 0 ||
		      strstr(message, "in use") != NULL);

	json_decref(json);
	return taken;
}

/* Does so for a sign-in of any kind. */
static bool
is_taken(const struct begin *b)
{
	const struct call_reply *reply = &b->reply;

	if (b->flow.kind != KIND_INTEGRATION)
		return reply->status == 500;
	return reply->status == 409 || (reply->status == 400 && is_attempt_taken(reply));
}

/* Cancels older sign-ins, but not for an adopted one: opencode has begun that already, so it is
 * too late to make room for it. */
static enum err
cancel_older(struct begin *b)
{
	return b->adopted != NULL ? ERR_OK : supersede_cancel(&b->newcomer);
}

static enum err
ask_once(struct begin *b)
{
	if (b->api != NULL && b->api->listens)
		listeners_ask(b->x, &b->before);
	return b->ask(b);
}

/* Asks opencode, if need be several times: a cancelled listener frees its port with a delay. */
static enum err
ask_opencode(struct begin *b)
{
	static const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
	bool late = provider_of(&b->flow)->cancel_late;
	enum err err = late ? ERR_OK : cancel_older(b);

	if (err == ERR_OK)
		err = ask_once(b);
	/* opencode 1 fails once for a server with a redirect URI at whose port nobody listens */
	if (err == ERR_OK && b->flow.kind == KIND_MCP && b->reply.status == 500) {
		call_reply_free(&b->reply);
		err = ask_once(b);
	}
	if (err == ERR_OK && late && is_taken(b))
		err = cancel_older(b);
	for (int i = 0; err == ERR_OK && b->newcomer.cancelled && is_taken(b) && i < RETRIES; i++) {
		nanosleep(&pause, NULL);
		call_reply_free(&b->reply);
		err = ask_once(b);
	}
	return err == ERR_OK && b->newcomer.foreign && is_taken(b) ? ERR_BEGIN_TAKEN : err;
}

enum err
begin_ask(struct begin *b)
{
	struct call call = {.method = "POST",
			    .body = buf_text(&b->body),
			    .body_len = b->body.len,
			    .session = b->api != NULL && b->api->sessions};
	struct buf path;
	enum err err;

	buf_init(&path, FLOW_NAME_MAX + 64);
	begin_answer_path(b->flow.kind, b->flow.provider, &path);
	err = path.err != ERR_OK
		  ? path.err
		  : opencode_visitor_send(b->x, &b->flow, buf_text(&path), &call, &b->reply);
	buf_free(&path);
	return err;
}

bool
begin_has_inputs(json_t *inputs)
{
	const char *key, *text;
	json_t *value;

	json_object_foreach (inputs, key, value) {
		text = json_string_value(value);
		if (text == NULL || text[0] != '\0')
			return true;
	}
	return false;
}

/* Fills in what the request and the clock tell about the flow. False: a value is too long. */
static bool
fill_flow(struct begin *b)
{
	struct context *x = b->x;
	const struct request *r = x->request;
	struct flow *flow = &b->flow;
	int seconds = x->app->config->lifetime, own = provider_of(flow)->seconds;

	if (own != 0 && (own < seconds || seconds == LISTENER_SECONDS))
		seconds = own;
	flow->authenticated = x->site.opencode->login == LOGIN_OWN || r->authorization != NULL ||
			      strstr(r->query, "auth_token=") != NULL ||
			      (b->api != NULL && b->api->sessions && opencode_has_session(x));
	flow->bound = x->browser[0] != '\0';
	flow->created = x->app->store->ops->now(x->app->store);
	flow->expires = flow->created + seconds;
	return text_copy(flow->client_address, sizeof(flow->client_address),
			 context_client(x)->address) &&
	       text_copy(flow->opencode, sizeof(flow->opencode), x->site.opencode->name) &&
	       text_copy(flow->browser, sizeof(flow->browser), x->browser);
}

/* Copies the id of the attempt. It becomes part of a path later, and must not lead elsewhere. */
static bool
copy_attempt(struct flow *flow, const char *attempt)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_";

	if (flow->kind == KIND_INTEGRATION && attempt[0] == '\0')
		return false;
	return attempt[strspn(attempt, bytes)] == '\0' &&
	       text_copy(flow->attempt, sizeof(flow->attempt), attempt);
}

/* Returns whether the visitor is told of the error, instead of what opencode answered. */
static bool
is_told(enum err err)
{
	return err == ERR_MEMORY || err == ERR_CONFIG || err == ERR_BEGIN_LISTENER;
}

/* Adds what a relay needs to the result of reading the authorize URL: wraps the state if the
 * relay brings the response, or logs why it cannot. */
static enum err
lead_by_relay(struct begin *b, enum err read)
{
	if (read != ERR_OK)
		relay_wrap_missed(b->x, b->url);
	else if (flow_relayed(&b->flow))
		return relay_wrap(b->x, &b->flow, b->url, &b->wrapped);
	return read;
}

/* Fills in what opencode's reply to the begin of an attempt does not tell. If nobody can tell where
 * the listener is, the attempt cannot be finished. */
static enum err
complete_attempt(struct begin *b)
{
	enum err err = ERR_OK;

	b->api->describe(b->x, &b->flow);
	if (b->flow.direct)
		err = b->api->listens ? find_listener(b->x, &b->before, &b->flow) : ERR_UNRECORDED;
	if (err == ERR_BEGIN_LISTENER && attempt_cancel(b->x, &b->flow) != ERR_OK)
		log_event(LOG_LEVEL_WARNING, "cancel-unanswered", "provider", b->flow.provider,
			  NULL);
	return err;
}

/* Reads what opencode says of a sign-in that ends with a code to copy. Instructions that are too
 * long are left out. */
static enum err
read_typed(const struct begin_answer *begun, struct flow *flow)
{
	text_copy(flow->instructions, sizeof(flow->instructions), begun->instructions);
	return authorize_url_read_typed(begun->url, flow);
}

/* Reads the authorize URL. ERR_UNRECORDED: its response does not come to us. ERR_CONFIG,
 * ERR_MEMORY. */
static enum err
read_answer(struct begin *b)
{
	struct context *x = b->x;
	struct authorize_site own = {x->site.origin, x->request->mount, x->app->config};
	struct begin_answer begun = {.url = b->adopted, .automatic = true, .attempt = ""};
	enum err err;

	if (b->adopted == NULL) {
		if (b->reply.status != 200)
			return ERR_UNRECORDED;
		err = json_read(buf_text(&b->reply.body), b->reply.body.len, 0, &b->json);
		if (err == ERR_MEMORY)
			return err;
		if (!begin_answer_read(b->flow.kind, b->json, &begun))
			return ERR_UNRECORDED;
	}
	b->url = begun.url;
	/* in opencode's own window, opencode asks for the code */
	if (!b->record || (!begun.automatic && !b->flow.from_here))
		return ERR_UNRECORDED;
	if (begun.automatic)
		err = authorize_url_read(begun.url, b->flow.kind == KIND_TERMINAL ? NULL : &own,
					 &b->flow);
	else
		err = read_typed(&begun, &b->flow);
	if (err == ERR_OK && (!copy_attempt(&b->flow, begun.attempt) || !fill_flow(b)))
		err = ERR_UNRECORDED;
	if (x->app->config->relay_via[0] != '\0' && b->adopted == NULL && err != ERR_MEMORY)
		err = lead_by_relay(b, err);
	if (err == ERR_OK && b->flow.kind == KIND_INTEGRATION)
		err = b->api != NULL ? complete_attempt(b) : ERR_UNRECORDED;
	return err == ERR_OK || is_told(err) ? err : ERR_UNRECORDED;
}

/* Records the flow, and supersedes those that it replaces. */
static enum err
record(struct begin *b)
{
	struct context *x = b->x;
	struct store *store = x->app->store;
	struct flow *flow = &b->flow;
	char label[FLOW_NAME_MAX + 1];
	enum err err;

	b->keys.slot = flow_slot(flow);
	supersede_waiting(&b->newcomer, flow->id);
	if (!flow->bound)
		cookie_offer(&b->offered, x->site.secure, flow->browser);
	b->keys.browser = secret_key("browser", flow->browser, NULL);
	err = store->ops->add(store, flow, b->wrapped.len > 0 ? buf_text(&b->wrapped) : b->url,
			      &b->keys, &b->lock);
	if (err != ERR_OK)
		return err;
	b->recorded = true;
	flow_label(flow, label);
	log_event(LOG_LEVEL_INFO, "flow-begun", "flow", flow->id, "kind",
		  flow_kind_name(flow->kind), "provider", label, "client",
		  context_client(x)->address, "bound", flow->bound ? "yes" : "offered", NULL);
	return ERR_OK;
}

static enum err
ask_and_read(struct begin *b, enum err *read)
{
	enum err err = ask_opencode(b);

	*read = err == ERR_OK ? read_answer(b) : ERR_UNRECORDED;
	return err;
}

/* Forgets an answer of opencode whose attempt was cancelled. */
static void
forget_answer(struct begin *b)
{
	call_reply_free(&b->reply);
	buf_free(&b->wrapped);
	json_decref(b->json);
	b->json = NULL;
	b->url = NULL;
}

static enum err
begin_locked(struct begin *b)
{
	struct store *store = b->x->app->store;
	enum err read = ERR_UNRECORDED;
	enum err err = store->ops->lock(store, b->keys.group, &b->lock);

	if (err == ERR_OK)
		err = store->ops->check_limits(store, &b->keys);
	if (err == ERR_OK) /* else opencode would begin a sign-in that we would lose */
		err = store->ops->check_writable(store);
	if (err == ERR_OK)
		err = ask_and_read(b, &read);
	/* another sign-in that begins at the same time opens a listener too: try again */
	for (int i = 0; err == ERR_OK && read == ERR_BEGIN_LISTENER && i < LOOKS; i++) {
		forget_answer(b);
		err = ask_and_read(b, &read);
	}
	if (err == ERR_OK && is_told(read))
		err = read;
	if (read == ERR_OK)
		err = record(b);
	else if (b->flow.kind != KIND_INTEGRATION &&
		 (b->url != NULL || b->newcomer.cancelled || read == ERR_MEMORY))
		/* opencode keeps one pending sign-in of each, even one that is not recorded */
		supersede_waiting(&b->newcomer, "");
	store->ops->unlock(store, &b->lock);
	return err;
}

/* Finds the interface of the opencode that begins an attempt. If a password hides it, opencode
 * refuses the begin too, and its reply is the one to pass on. */
static enum err
find_api(struct begin *b)
{
	enum err err;

	if (b->flow.kind != KIND_INTEGRATION)
		return ERR_OK;
	err = api_find(b->x, &b->api);
	return err == ERR_CREDENTIALS ? ERR_OK : err;
}

enum err
begin_run(struct begin *b)
{
	struct context *x = b->x;
	enum err err;

	b->keys.client = x->browser[0] != '\0'
			     ? secret_key("browser", x->browser, NULL)
			     : secret_key("address", context_client(x)->group, NULL);
	b->keys.group = flow_group(x->site.opencode->name, b->flow.kind, b->flow.provider);
	/* a request that is refused as ERR_BUSY costs no allowance */
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	if ((err = context_consume(x)) == ERR_OK)
		err = find_api(b);
	if (err == ERR_OK)
		err = begin_locked(b);
	call_slot_leave(x->app);
	return err;
}
