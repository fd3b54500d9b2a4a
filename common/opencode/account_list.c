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
account_list_clear(struct account_list *c)
{
	for (size_t i = 0; i < c->replies; i++)
		json_decref(c->reply[i]);
	memset(c, 0, sizeof(*c));
}

void
account_list_free(struct account_list *c)
{
	if (c == NULL)
		return;
	account_list_clear(c);
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

/* Returns a value as a form has it, or NULL. */
static const char *
value_of(struct account_list *c, const json_t *value)
{
	char *text = c->text[c->texts];

	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if (!json_is_number(value) || !room(c, c->texts, ACCOUNT_LIST_TEXTS_MAX))
		return json_string_value(value);
	if (json_is_integer(value))
		snprintf(text, ACCOUNT_LIST_TEXT_SIZE, "%lld",
			 (long long)json_integer_value(value));
	else
		snprintf(text, ACCOUNT_LIST_TEXT_SIZE, "%.15g", json_real_value(value));
	c->texts++;
	return text;
}

/* Returns whether an option is the value that a prompt has at first, or one of its values. */
static bool
is_initial(const char *value, const json_t *initial)
{
	const char *text = json_string_value(initial);
	const json_t *item;
	size_t i;

	if (text != NULL)
		return strcmp(text, value) == 0;
	json_array_foreach (initial, i, item)
		if (is_initial(value, item))
			return true;
	return false;
}

static void
add_options(struct account_list *c, struct page_prompt *prompt, const json_t *options,
	    const json_t *initial)
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
					 text_of(item, "hint", text_of(item, "description", "")),
					 is_initial(value, initial)};
		prompt->option_count++;
	}
}

/* Adds a condition: {"key", "op", "value"}. */
static void
add_condition(struct account_list *c, struct page_prompt *prompt, const json_t *when)
{
	const char *key = text_of(when, "key", NULL), *op = text_of(when, "op", "");
	const char *value = value_of(c, json_object_get(when, "value"));
	bool negated = strcmp(op, "neq") == 0;

	if (key == NULL || value == NULL || (!negated && strcmp(op, "eq") != 0) ||
	    !room(c, c->conditions, ACCOUNT_LIST_CONDITIONS_MAX))
		return;
	c->condition[c->conditions++] = (struct page_condition){key, value, negated};
	prompt->condition_count++;
}

/* Adds the conditions of a prompt: one, or a list of which all must hold. */
static void
add_conditions(struct account_list *c, struct page_prompt *prompt, const json_t *when)
{
	const json_t *item;
	size_t i;

	prompt->condition = &c->condition[c->conditions];
	if (json_is_object(when))
		add_condition(c, prompt, when);
	json_array_foreach (when, i, item) {
		add_condition(c, prompt, item);
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
	    {"external", PROMPT_BOOLEAN}, /* something done elsewhere, which is to be confirmed */
	    {"multiselect", PROMPT_MULTISELECT},
	};
	const char *word = text_of(item, "type", "");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].word, word) == 0)
			return types[i].type;
	return PROMPT_TEXT;
}

/* Adds the inputs of a method: prompts, or the fields of a form. */
static void
add_prompts(struct account_list *c, struct page_method *method, const json_t *prompts)
{
	const json_t *item, *initial;
	size_t i;

	method->prompt = &c->prompt[c->prompts];
	json_array_foreach (prompts, i, item) {
		const char *key = text_of(item, "key", NULL);
		struct page_prompt *prompt = &c->prompt[c->prompts];

		if (key == NULL || !room(c, c->prompts, ACCOUNT_LIST_PROMPTS_MAX))
			continue;
		initial = json_object_get(item, "default");
		*prompt = (struct page_prompt){
		    .key = key,
		    .message = text_of(item, "message", text_of(item, "title", key)),
		    .placeholder = text_of(item, "placeholder", text_of(item, "description", "")),
		    .type = prompt_type(item),
		    .initial = value_of(c, initial)};
		add_conditions(c, prompt, json_object_get(item, "when"));
		add_options(c, prompt, json_object_get(item, "options"), initial);
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
		method->strict = form != NULL;
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
