#include "opencode/account_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/provider.h"
#include "http/path_segment.h"

struct account_list *
account_list_new(void)
{
	return calloc(1, sizeof(struct account_list));
}

void
account_list_free(struct account_list *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->replies; i++)
		json_decref(c->reply[i]);
	free(c);
}

void
account_list_keep(struct account_list *c, json_t *reply)
{
	if (c->replies < ACCOUNT_LIST_REPLIES_MAX)
		c->reply[c->replies++] = reply;
	else
		json_decref(reply);
}

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
		c->option[c->options++] =
		    (struct page_option){value, text_of(item, "label", value),
					 text_of(item, "hint", text_of(item, "description", ""))};
		prompt->option_count++;
	}
}

static enum page_prompt_type
prompt_type(const json_t *item)
{
	static const struct {
		const char *word;
		enum page_prompt_type type;
	} types[] = {
	    {"integer", PROMPT_INTEGER},
	    {"number", PROMPT_NUMBER},
	    {"boolean", PROMPT_BOOLEAN},
	    {"multiselect", PROMPT_MULTISELECT},
	};
	const char *word = text_of(item, "type", "");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].word, word) == 0)
			return types[i].type;
	return PROMPT_TEXT;
}

/* Returns the value that a field has at first, as text; NULL: none that a line can show. */
static const char *
initial_of(const json_t *item)
{
	const json_t *value = json_object_get(item, "default");

	return json_is_true(value) ? "true" : json_string_value(value);
}

/* Adds the inputs of a method: prompts, or the fields of a form. */
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
		*prompt = (struct page_prompt){
		    .key = key,
		    .message = text_of(item, "message", text_of(item, "title", key)),
		    .placeholder = text_of(item, "placeholder", text_of(item, "description", "")),
		    .type = prompt_type(item),
		    .initial = initial_of(item)};
		if (strcmp(text_of(when, "op", ""), "eq") == 0) {
			prompt->when_key = text_of(when, "key", NULL);
			prompt->when_value = text_of(when, "value", NULL);
		}
		add_options(c, prompt, json_object_get(item, "options"));
		c->prompts++;
		method->prompt_count++;
	}
}

/* Returns the id of a method, or NULL. */
static const char *
method_id(struct account_list *c, const json_t *item, size_t index, enum account_list_ids ids)
{
	char *number = c->number[c->methods];

	if (ids == METHOD_BY_ID)
		return text_of(item, "id", NULL);
	snprintf(number, ACCOUNT_LIST_NUMBER_SIZE, "%zu", index % 1000000);
	return number;
}

static void
add_methods(struct account_list *c, struct page_account *account, const json_t *methods,
	    enum account_list_ids ids)
{
	const json_t *item, *form;
	const char *id;
	size_t i;

	account->method = &c->method[c->methods];
	json_array_foreach (methods, i, item) {
		struct page_method *method = &c->method[c->methods];

		if (strcmp(text_of(item, "type", ""), "oauth") != 0 ||
		    !room(c, c->methods, ACCOUNT_LIST_METHODS_MAX) ||
		    (id = method_id(c, item, i, ids)) == NULL)
			continue;
		*method =
		    (struct page_method){.id = id, .label = text_of(item, "label", "Sign in")};
		form = json_object_get(item, "form");
		add_prompts(c, method, form != NULL ? form : json_object_get(item, "prompts"));
		c->methods++;
		account->method_count++;
	}
}

void
account_list_add(struct account_list *c, const char *provider, const char *name, bool connected,
		 const json_t *methods, enum account_list_ids ids)
{
	const char *known = provider_name(provider);
	struct page_account *account = &c->account[c->accounts];

	if (!room(c, c->accounts, ACCOUNT_LIST_PROVIDERS_MAX))
		return;
	*account = (struct page_account){.provider = provider,
					 .connected = connected,
					 .name = name == NULL || known != provider ? known : name};
	add_methods(c, account, methods, ids);
	if (account->method_count > 0 || connected)
		c->accounts++;
}

void
account_list_add_server(struct account_list *c, const char *name, const char *status)
{
	char *segment = c->server[c->servers];

	if (!room(c, c->servers, ACCOUNT_LIST_SERVERS_MAX) ||
	    !path_segment_encode(name, segment, FLOW_NAME_MAX + 1))
		return;
	c->mcp[c->servers++] = (struct page_mcp){.name = segment, .label = name, .status = status};
}
