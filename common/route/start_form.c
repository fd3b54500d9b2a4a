#include "route/start_form.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_MAX 1e15 /* whole numbers up to this are exact in JavaScript too */

/* Returns the key in the name of a field that begins with prefix; NULL: another field. */
static const char *
field_key(const struct query_param *p, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(p->name, prefix, len) == 0 ? p->name + len : NULL;
}

bool
start_form_asks(const struct query *form)
{
	for (size_t i = 0; form != NULL && i < form->count; i++)
		if (field_key(&form->param[i], "input.") != NULL ||
		    field_key(&form->param[i], "type.") != NULL)
			return true;
	return false;
}

json_t *
start_form_inputs(const struct query *form)
{
	json_t *inputs = json_object();
	const char *key;

	for (size_t i = 0; form != NULL && i < form->count; i++)
		if ((key = field_key(&form->param[i], "input.")) != NULL)
			json_object_set_new(inputs, key, json_string(form->param[i].value));
	return inputs;
}

/* Returns whether name is KEY.N, where N has no dot. */
static bool
is_numbered(const char *name, const char *key)
{
	size_t len = strlen(key);

	return strncmp(name, key, len) == 0 && name[len] == '.' &&
	       strchr(name + len + 1, '.') == NULL;
}

/* Collects the options that were ticked. */
static json_t *
read_picks(const struct query *form, const char *key)
{
	json_t *picks = json_array();
	const char *name;

	for (size_t i = 0; i < form->count; i++)
		if ((name = field_key(&form->param[i], "pick.")) != NULL && is_numbered(name, key))
			json_array_append_new(picks, json_string(form->param[i].value));
	return picks;
}

/* Returns a number; a text that is none stays one, so that opencode says what is wrong with it. */
static json_t *
read_number(const char *type, const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (*end != '\0' || !isfinite(number))
		return json_string(text);
	if (strcmp(type, "integer") == 0 && floor(number) == number && fabs(number) < INTEGER_MAX)
		return json_integer((json_int_t)number);
	return json_real(number);
}

/* Sets the answer for a key that is no text. */
static void
set_typed(json_t *answer, const struct query *form, const char *key, const char *type)
{
	const char *text = json_string_value(json_object_get(answer, key));

	if (strcmp(type, "boolean") == 0)
		json_object_set_new(answer, key,
				    json_boolean(text != NULL && strcmp(text, "true") == 0));
	else if (strcmp(type, "multiselect") == 0)
		json_object_set_new(answer, key, read_picks(form, key));
	else if (text != NULL)
		json_object_set_new(answer, key, read_number(type, text));
}

/* Returns whether an answer is the value that a condition names; a list: whether it has it. */
static bool
is_value(const json_t *answer, const char *value)
{
	const json_t *item;
	size_t i;

	if (json_is_string(answer))
		return strcmp(json_string_value(answer), value) == 0;
	if (json_is_boolean(answer))
		return strcmp(json_is_true(answer) ? "true" : "false", value) == 0;
	if (json_is_number(answer))
		return json_number_value(answer) == strtod(value, NULL);
	json_array_foreach (answer, i, item)
		if (is_value(item, value))
			return true;
	return false;
}

/* Returns whether a condition holds. None does on what has no answer. */
static bool
holds(const json_t *answer, const char *condition, bool is)
{
	const char *tab = strchr(condition, '\t'), *key;
	json_t *object = (json_t *)(uintptr_t)answer, *other;

	if (tab == NULL)
		return true;
	json_object_foreach (object, key, other)
		if (strlen(key) == (size_t)(tab - condition) &&
		    strncmp(key, condition, strlen(key)) == 0)
			return is_value(other, tab + 1) == is;
	return false;
}

/* Removes the answers that are not wanted, in the order of the fields: each condition is on an
 * earlier one. */
static void
remove_unwanted(json_t *answer, const struct query *form)
{
	for (size_t i = 0; i < form->count; i++) {
		const char *when = field_key(&form->param[i], "when.");
		const char *name = when != NULL ? when : field_key(&form->param[i], "unless.");
		json_t *value;
		const char *key;
		void *next;

		if (name == NULL || holds(answer, form->param[i].value, when != NULL))
			continue;
		json_object_foreach_safe(answer, next, key, value) if (is_numbered(name, key))
		    json_object_del(answer, key);
	}
}

json_t *
start_form_answer(const struct query *form)
{
	json_t *answer = json_object();
	const char *key;

	for (size_t i = 0; form != NULL && i < form->count; i++)
		if ((key = field_key(&form->param[i], "input.")) != NULL &&
		    form->param[i].value[0] != '\0')
			json_object_set_new(answer, key, json_string(form->param[i].value));
	for (size_t i = 0; form != NULL && i < form->count; i++)
		if ((key = field_key(&form->param[i], "type.")) != NULL)
			set_typed(answer, form, key, form->param[i].value);
	if (form != NULL)
		remove_unwanted(answer, form);
	return answer;
}
