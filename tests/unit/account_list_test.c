#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "opencode/account_list.h"
#include "util/json.h"

/* Reads JSON, which the list then owns. */
static json_t *
keep(struct account_list *list, const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	if (json == NULL)
		fail_msg("no JSON: %s", text);
	account_list_keep(list, json);
	return json;
}

static struct account_list *
list_of(const char *methods, enum account_list_ids ids)
{
	struct account_list *list = account_list_new();

	assert_non_null(list);
	account_list_add(list, "acme", "Acme", false, keep(list, methods), ids);
	return list;
}

static void
assert_texts(const char *got, const char *want)
{
	if (want == NULL)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

static void
methods_of_opencode_1_have_numbers(void **state)
{
	struct account_list *list =
	    list_of("[{\"type\":\"api\",\"label\":\"Key\"},"
		    "{\"type\":\"oauth\",\"label\":\"Browser\",\"id\":\"not-used\",\"prompts\":["
		    "{\"type\":\"select\",\"key\":\"k\",\"message\":\"m\",\"options\":["
		    "{\"label\":\"l\",\"value\":\"v\",\"hint\":\"h\"},{\"value\":\"w\"}]},"
		    "{\"type\":\"text\",\"key\":\"t\",\"message\":\"Text\",\"placeholder\":\"p\","
		    "\"when\":{\"key\":\"k\",\"op\":\"eq\",\"value\":\"v\"}}]},"
		    "{\"type\":\"oauth\"}]",
		    METHOD_BY_INDEX);
	const struct page_method *method = list->account[0].method;
	const struct page_prompt *prompt = method[0].prompt;

	(void)state;
	assert_int_equal(list->accounts, 1);
	assert_int_equal(list->account[0].method_count, 2);
	assert_string_equal(method[0].id, "1");
	assert_string_equal(method[0].label, "Browser");
	assert_false(method[0].strict);
	assert_string_equal(method[1].id, "2");
	assert_string_equal(method[1].label, "Sign in");
	assert_int_equal(method[0].prompt_count, 2);
	assert_string_equal(prompt[0].message, "m");
	assert_int_equal(prompt[0].type, PROMPT_TEXT);
	assert_int_equal(prompt[0].option_count, 2);
	assert_string_equal(prompt[0].option[0].hint, "h");
	assert_string_equal(prompt[0].option[1].label, "w");
	assert_string_equal(prompt[1].placeholder, "p");
	assert_int_equal(prompt[1].condition_count, 1);
	assert_string_equal(prompt[1].condition[0].key, "k");
	assert_string_equal(prompt[1].condition[0].value, "v");
	account_list_free(list);
}

static void
methods_of_opencode_2_have_ids(void **state)
{
	struct account_list *list =
	    list_of("[{\"type\":\"key\"},{\"type\":\"env\",\"names\":[\"X\"]},"
		    "{\"type\":\"command\",\"id\":\"c\",\"command\":[\"x\"]},"
		    "{\"type\":\"oauth\",\"label\":\"No id\"},"
		    "{\"type\":\"oauth\",\"id\":\"chatgpt-browser\",\"label\":\"Browser\"},"
		    "{\"type\":\"oauth\",\"id\":\"form\",\"label\":\"Form\",\"form\":[]}]",
		    METHOD_BY_ID);
	const struct page_method *method = list->account[0].method;

	(void)state;
	assert_int_equal(list->account[0].method_count, 2);
	assert_string_equal(method[0].id, "chatgpt-browser");
	assert_false(method[0].strict);
	assert_string_equal(method[1].id, "form");
	assert_true(method[1].strict);
	account_list_free(list);
}

static const struct {
	const char *field;
	enum page_prompt_type type;
	const char *message;
	const char *placeholder;
	const char *initial;
} fields[] = {
    {"{\"key\":\"k\"}", PROMPT_TEXT, "k", "", NULL},
    {"{\"key\":\"k\",\"type\":\"string\",\"title\":\"T\",\"description\":\"D\"}", PROMPT_TEXT, "T",
     "D", NULL},
    {"{\"key\":\"k\",\"type\":\"string\",\"description\":\"D\",\"placeholder\":\"P\","
     "\"default\":\"x\"}",
     PROMPT_TEXT, "k", "P", "x"},
    {"{\"key\":\"k\",\"type\":\"integer\",\"default\":443}", PROMPT_INTEGER, "k", "", "443"},
    {"{\"key\":\"k\",\"type\":\"integer\",\"default\":-9007199254740991}", PROMPT_INTEGER, "k", "",
     "-9007199254740991"},
    {"{\"key\":\"k\",\"type\":\"number\",\"default\":0.1}", PROMPT_NUMBER, "k", "", "0.1"},
    {"{\"key\":\"k\",\"type\":\"boolean\",\"default\":true}", PROMPT_BOOLEAN, "k", "", "true"},
    {"{\"key\":\"k\",\"type\":\"boolean\",\"default\":false}", PROMPT_BOOLEAN, "k", "", "false"},
    {"{\"key\":\"k\",\"type\":\"external\",\"url\":\"https://x.example/\"}", PROMPT_BOOLEAN, "k",
     "", NULL},
    {"{\"key\":\"k\",\"type\":\"multiselect\",\"default\":[\"a\"]}", PROMPT_MULTISELECT, "k", "",
     NULL},
    {"{\"key\":\"k\",\"type\":7,\"title\":{},\"default\":{}}", PROMPT_TEXT, "k", "", NULL},
};

static void
fields_have_types_and_defaults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct page_prompt *prompt;
		struct account_list *list;
		char methods[512];

		snprintf(methods, sizeof(methods),
			 "[{\"type\":\"oauth\",\"id\":\"m\",\"form\":[%s]}]", fields[i].field);
		list = list_of(methods, METHOD_BY_ID);
		prompt = list->account[0].method[0].prompt;
		assert_int_equal(list->account[0].method[0].prompt_count, 1);
		assert_int_equal(prompt->type, fields[i].type);
		assert_string_equal(prompt->message, fields[i].message);
		assert_string_equal(prompt->placeholder, fields[i].placeholder);
		assert_texts(prompt->initial, fields[i].initial);
		account_list_free(list);
	}
}

static void
options_know_what_is_chosen_at_first(void **state)
{
	static const char *const defaults[] = {"\"b\"", "[\"b\",\"x\"]", "[[\"b\"]]", "7", "{}"};

	(void)state;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		const struct page_prompt *prompt;
		struct account_list *list;
		char methods[512];

		snprintf(
		    methods, sizeof(methods),
		    "[{\"type\":\"oauth\",\"id\":\"m\",\"form\":[{\"key\":\"k\",\"default\":%s,"
		    "\"options\":[{\"value\":\"a\"},{\"value\":\"b\",\"label\":\"B\","
		    "\"description\":\"D\"},{\"label\":\"no value\"},null]}]}]",
		    defaults[i]);
		list = list_of(methods, METHOD_BY_ID);
		prompt = list->account[0].method[0].prompt;
		assert_int_equal(prompt->option_count, 2);
		assert_false(prompt->option[0].initial);
		assert_int_equal(prompt->option[1].initial, i < 3);
		assert_string_equal(prompt->option[1].hint, "D");
		account_list_free(list);
	}
}

static void
conditions_are_one_or_a_list(void **state)
{
	static const struct {
		const char *when;
		size_t count;
		struct page_condition first;
	} rows[] = {
	    {"{\"key\":\"a\",\"op\":\"eq\",\"value\":\"v\"}", 1, {"a", "v", false}},
	    {"[{\"key\":\"a\",\"op\":\"neq\",\"value\":\"v\"}]", 1, {"a", "v", true}},
	    {"[{\"key\":\"a\",\"op\":\"eq\",\"value\":true},"
	     "{\"key\":\"b\",\"op\":\"eq\",\"value\":\"w\"}]",
	     2,
	     {"a", "true", false}},
	    {"[{\"key\":\"a\",\"op\":\"eq\",\"value\":false}]", 1, {"a", "false", false}},
	    {"[{\"key\":\"a\",\"op\":\"eq\",\"value\":8443}]", 1, {"a", "8443", false}},
	    {"[{\"key\":\"a\",\"op\":\"eq\",\"value\":0.5}]", 1, {"a", "0.5", false}},
	    {"[]", 0, {NULL, NULL, false}},
	    {"7", 0, {NULL, NULL, false}},
	    {"[null,7,[],{},{\"key\":\"a\"},{\"key\":\"a\",\"op\":\"gt\",\"value\":\"v\"},"
	     "{\"key\":\"a\",\"op\":\"eq\",\"value\":{}},{\"key\":7,\"op\":\"eq\",\"value\":\"v\"}"
	     "]",
	     0,
	     {NULL, NULL, false}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct page_prompt *prompt;
		struct account_list *list;
		char methods[512];

		snprintf(
		    methods, sizeof(methods),
		    "[{\"type\":\"oauth\",\"id\":\"m\",\"form\":[{\"key\":\"k\",\"when\":%s}]}]",
		    rows[i].when);
		list = list_of(methods, METHOD_BY_ID);
		prompt = list->account[0].method[0].prompt;
		assert_int_equal(prompt->condition_count, rows[i].count);
		if (rows[i].count > 0) {
			assert_string_equal(prompt->condition[0].key, rows[i].first.key);
			assert_string_equal(prompt->condition[0].value, rows[i].first.value);
			assert_int_equal(prompt->condition[0].negated, rows[i].first.negated);
		}
		account_list_free(list);
	}
}

static void
accounts_have_names(void **state)
{
	struct account_list *list = account_list_new();
	const json_t *methods = keep(list, "[{\"type\":\"oauth\",\"id\":\"m\"}]");

	(void)state;
	account_list_add(list, "openai", "OpenAI", false, methods, METHOD_BY_ID);
	account_list_add(list, "acme", "Acme", true, NULL, METHOD_BY_ID);
	account_list_add(list, "bare", NULL, true, methods, METHOD_BY_ID);
	/* neither connected nor with a sign-in */
	account_list_add(list, "key", "Key", false, keep(list, "[{\"type\":\"key\"}]"),
			 METHOD_BY_ID);
	account_list_add(list, "odd", "Odd", false, keep(list, "{}"), METHOD_BY_ID);
	assert_int_equal(list->accounts, 3);
	assert_string_equal(list->account[0].name, "ChatGPT"); /* the name that we have for it */
	assert_string_equal(list->account[1].name, "Acme");
	assert_int_equal(list->account[1].method_count, 0);
	assert_string_equal(list->account[2].name, "bare");
	account_list_free(list);
}

static void
servers_have_names_for_paths(void **state)
{
	struct account_list *list = account_list_new();

	(void)state;
	account_list_add_server(list, "issue tracker/\xc3\xa9\x01", "needs_auth");
	account_list_add_server(list, "..", "needs_auth");
	account_list_add_server(list, "", "needs_auth");
	account_list_add_server(list, "b", "connected");
	assert_int_equal(list->servers, 2);
	assert_string_equal(list->mcp[0].label, "issue tracker/\xc3\xa9\x01");
	assert_string_equal(list->mcp[0].name, "issue%20tracker%2F%C3%A9%01");
	assert_string_equal(list->mcp[1].name, "b");
	account_list_free(list);
}

/* Every array of the list has its end. */
static void
what_does_not_fit_is_left_out(void **state)
{
	static char form[200000];
	struct account_list *list;
	size_t len = 0;
	json_t *json;

	(void)state;
	for (int i = 0; i < 600; i++)
		len += (size_t)snprintf(
		    form + len, sizeof(form) - len,
		    "%s{\"key\":\"k%d\",\"default\":%d,\"options\":[{\"value\":"
		    "\"a\"},{\"value\":\"b\"}],\"when\":[{\"key\":\"x\",\"op\":"
		    "\"eq\",\"value\":%d}]}",
		    i == 0 ? "[{\"type\":\"oauth\",\"id\":\"m\",\"form\":[" : ",", i, i, i);
	snprintf(form + len, sizeof(form) - len, "]}]");
	list = account_list_new();
	json = keep(list, form);
	for (int i = 0; i < 200; i++) {
		account_list_add(list, "acme", "Acme", false, json, METHOD_BY_ID);
		account_list_add_server(list, "server", "connected");
	}
	assert_true(list->cut);
	assert_int_equal(list->prompts, ACCOUNT_LIST_PROMPTS_MAX);
	assert_true(list->options <= ACCOUNT_LIST_OPTIONS_MAX);
	assert_true(list->conditions <= ACCOUNT_LIST_CONDITIONS_MAX);
	assert_int_equal(list->texts, ACCOUNT_LIST_TEXTS_MAX);
	assert_int_equal(list->accounts, ACCOUNT_LIST_PROVIDERS_MAX);
	assert_int_equal(list->servers, ACCOUNT_LIST_SERVERS_MAX);
	account_list_free(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(methods_of_opencode_1_have_numbers),
	    cmocka_unit_test(methods_of_opencode_2_have_ids),
	    cmocka_unit_test(fields_have_types_and_defaults),
	    cmocka_unit_test(options_know_what_is_chosen_at_first),
	    cmocka_unit_test(conditions_are_one_or_a_list),
	    cmocka_unit_test(accounts_have_names),
	    cmocka_unit_test(servers_have_names_for_paths),
	    cmocka_unit_test(what_does_not_fit_is_left_out),
	};

	json_init();
	return cmocka_run_group_tests_name("account_list", tests, NULL, NULL);
}
