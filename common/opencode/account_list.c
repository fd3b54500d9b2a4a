#include "opencode/account_list.h"

#include <stdlib.h>
#include <string.h>

#include "http/path_segment.h"
#include "opencode/call_slot.h"
#include "opencode/connected.h"
#include "opencode/opencode.h"
#include "util/log.h"

static const char *
text_of(const json_t *object, const char *name, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? otherwise : text;
}

/* Returns whether there is room for one more. If not, the rest is left out, which the log says
 * later. */
static bool
room(struct account_list *c, size_t count, size_t max)
{
	if (count < max)
		return true;
	c->cut = true;
	return false;
}

static void
add_options(struct account_list *c, struct page_prompt *prompt, const json_t *options)
{
	const json_t *item;
	size_t i;

	prompt->option = &c->option[c->options];
	json_array_foreach (options, i, item) {
		const char *value = text_of(item, "value", NULL);

		if (value == NULL || !room(c, c->options, ACCOUNT_LIST_OPTIONS_MAX))
			continue;
		c->option[c->options++] = (struct page_option){value, text_of(item, "label", value),
							       text_of(item, "hint", "")};
		prompt->option_count++;
	}
}

static void
add_prompts(struct account_list *c, struct page_method *method, const json_t *prompts)
{
	const json_t *item;
	size_t i;

	method->prompt = &c->prompt[c->prompts];
	json_array_foreach (prompts, i, item) {
		const char *key = text_of(item, "key", NULL);
		const json_t *when = json_object_get(item, "when");
		struct page_prompt *prompt = &c->prompt[c->prompts];

		if (key == NULL || !room(c, c->prompts, ACCOUNT_LIST_PROMPTS_MAX))
			continue;
		*prompt = (struct page_prompt){.key = key,
					       .message = text_of(item, "message", key),
					       .placeholder = text_of(item, "placeholder", "")};
		if (strcmp(text_of(when, "op", ""), "eq") == 0) {
			prompt->when_key = text_of(when, "key", NULL);
			prompt->when_value = text_of(when, "value", NULL);
		}
		add_options(c, prompt, json_object_get(item, "options"));
		c->prompts++;
		method->prompt_count++;
	}
}

static void
add_methods(struct account_list *c, struct page_account *account, const json_t *methods)
{
	const json_t *item;
	size_t i;

	account->method = &c->method[c->methods];
	json_array_foreach (methods, i, item) {
		struct page_method *method = &c->method[c->methods];

		if (strcmp(text_of(item, "type", ""), "oauth") != 0 ||
		    !room(c, c->methods, ACCOUNT_LIST_METHODS_MAX))
			continue;
		*method = (struct page_method){.number = (int)i,
					       .label = text_of(item, "label", "Sign in")};
		add_prompts(c, method, json_object_get(item, "prompts"));
		c->methods++;
		account->method_count++;
	}
}

/* Adds the providers that one can sign in to, then those that are connected by other means. */
static void
add_accounts(struct account_list *c)
{
	const json_t *methods, *item;
	const char *provider;
	size_t i;

	json_object_foreach (c->providers, provider, methods) {
		struct page_account *account = &c->account[c->accounts];

		if (!room(c, c->accounts, ACCOUNT_LIST_PROVIDERS_MAX))
			continue;
		*account = (struct page_account){
		    .provider = provider, .connected = connected_has(c->connected, provider)};
		add_methods(c, account, methods);
		if (account->method_count > 0 || account->connected)
			c->accounts++;
	}
	json_array_foreach (c->connected, i, item) {
		provider = json_string_value(item);
		if (provider != NULL && json_object_get(c->providers, provider) == NULL &&
		    room(c, c->accounts, ACCOUNT_LIST_PROVIDERS_MAX))
			c->account[c->accounts++] =
			    (struct page_account){.provider = provider, .connected = true};
	}
}

static void
add_servers(struct account_list *c)
{
	const char *name;
	const json_t *item;

	json_object_foreach (c->mcp_servers, name, item) {
		char *segment = c->server[c->servers];

		if (!room(c, c->servers, ACCOUNT_LIST_SERVERS_MAX) ||
		    !path_segment_encode(name, segment, FLOW_NAME_MAX + 1))
			continue;
		c->mcp[c->servers++] = (struct page_mcp){
		    .name = segment, .label = name, .status = text_of(item, "status", "")};
	}
}

/* Fetches one of the lists. ERR_CREDENTIALS: opencode wants a password. */
static enum err
fetch(struct context *x, const struct flow *project, const char *path, struct call_reply *reply)
{
	struct call call = {.method = "GET", .tail = strcmp(path, "/provider") == 0};

	return opencode_reply_err(opencode_visitor_send(x, project, path, &call, reply), reply);
}

static enum err
fetch_json(struct context *x, const struct flow *project, const char *path, json_t **out)
{
	struct call_reply reply;
	enum err err = fetch(x, project, path, &reply);

	if (err == ERR_OK)
		*out = json_loadb(buf_text(&reply.body), reply.body.len, 0, NULL);
	if (err == ERR_OK && !json_is_object(*out))
		err = ERR_OPENCODE_ANSWER;
	call_reply_free(&reply);
	return err;
}

static enum err
fetch_connected(struct context *x, const struct flow *project, json_t **out)
{
	struct call_reply reply;
	enum err err = fetch(x, project, "/provider", &reply);

	if (err == ERR_OK && (*out = connected_read(&reply)) == NULL)
		err = ERR_OPENCODE_ANSWER;
	call_reply_free(&reply);
	return err;
}

/* Logs the failure of a list that the page can do without. */
static void
dispensable(enum err err, const char *path)
{
	if (err != ERR_OK)
		log_event(LOG_LEVEL_WARNING, "start-page-without", "list", path, "why",
			  error_name(err), NULL);
}

enum err
account_list_read(struct context *x, const struct flow *project, struct account_list **out)
{
	struct account_list *c = *out = calloc(1, sizeof(*c));
	enum err err;

	if (c == NULL)
		return ERR_MEMORY;
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	err = fetch_json(x, project, "/provider/auth", &c->providers);
	if (err == ERR_OK) {
		dispensable(fetch_connected(x, project, &c->connected), "/provider");
		dispensable(fetch_json(x, project, "/mcp", &c->mcp_servers), "/mcp");
	}
	call_slot_leave(x->app);
	if (err != ERR_OK)
		return err;
	add_accounts(c);
	add_servers(c);
	if (c->cut)
		log_event(LOG_LEVEL_WARNING, "start-page-cut", "hint",
			  "opencode lists more than the start page can show", NULL);
	return ERR_OK;
}

void
account_list_free(struct account_list *c)
{
	if (c == NULL)
		return;
	json_decref(c->providers);
	json_decref(c->connected);
	json_decref(c->mcp_servers);
	free(c);
}
