#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "route/start_form.h"
#include "util/json.h"

/* Checks what a form says, as JSON with its keys in order. */
static void
assert_json(json_t *json, const char *want, const char *form)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

	if (strcmp(text, want) != 0)
		fail_msg("%s: got %s, not %s", form, text, want);
	free(text);
	json_decref(json);
}

static const struct {
	const char *form;
	bool asks;
	const char *inputs;
	const char *answer;
} rows[] = {
    {"", false, "{}", "{}"},
    {"provider=p&method=m", false, "{}", "{}"},
    /* texts */
    {"input.a=b", true, "{\"a\":\"b\"}", "{\"a\":\"b\"}"},
    {"input.a=", true, "{\"a\":\"\"}", "{}"},
    {"input.a=007&input.b=true", true, "{\"a\":\"007\",\"b\":\"true\"}",
     "{\"a\":\"007\",\"b\":\"true\"}"},
    {"input.=x", true, "{\"\":\"x\"}", "{\"\":\"x\"}"},
    {"input.a.b=%22%3C%C3%A9", true, "{\"a.b\":\"\\\"<\xc3\xa9\"}", "{\"a.b\":\"\\\"<\xc3\xa9\"}"},
    /* numbers */
    {"input.a=5&type.a=integer", true, "{\"a\":\"5\"}", "{\"a\":5}"},
    {"input.a=-5e2&type.a=integer", true, "{\"a\":\"-5e2\"}", "{\"a\":-500}"},
    {"input.a=5.5&type.a=integer", true, "{\"a\":\"5.5\"}", "{\"a\":5.5}"},
    {"input.a=5&type.a=number", true, "{\"a\":\"5\"}", "{\"a\":5.0}"},
    {"input.a=0.25&type.a=number", true, "{\"a\":\"0.25\"}", "{\"a\":0.25}"},
    {"input.a=1e15&type.a=integer", true, "{\"a\":\"1e15\"}", "{\"a\":1000000000000000.0}"},
    {"input.a=&type.a=integer", true, "{\"a\":\"\"}", "{}"},
    {"type.a=integer", true, "{}", "{}"},
    {"input.a=five&type.a=integer", true, "{\"a\":\"five\"}", "{\"a\":\"five\"}"},
    {"input.a=nan&type.a=number", true, "{\"a\":\"nan\"}", "{\"a\":\"nan\"}"},
    {"input.a=1e999&type.a=number", true, "{\"a\":\"1e999\"}", "{\"a\":\"1e999\"}"},
    /* boxes */
    {"input.a=true&type.a=boolean", true, "{\"a\":\"true\"}", "{\"a\":true}"},
    {"type.a=boolean", true, "{}", "{\"a\":false}"},
    {"input.a=yes&type.a=boolean", true, "{\"a\":\"yes\"}", "{\"a\":false}"},
    /* several of some */
    {"type.a=multiselect", true, "{}", "{\"a\":[]}"},
    {"pick.a.0=x&pick.a.2=y&type.a=multiselect", true, "{}", "{\"a\":[\"x\",\"y\"]}"},
    {"pick.a.0=x&pick.a.b.0=y&type.a=multiselect", true, "{}", "{\"a\":[\"x\"]}"},
    {"pick.a.b.0=y&type.a.b=multiselect", true, "{}", "{\"a.b\":[\"y\"]}"},
    {"pick.a.0=x", false, "{}", "{}"},
    /* conditions */
    {"input.a=x&input.b=y&when.b.0=a%09x", true, "{\"a\":\"x\",\"b\":\"y\"}",
     "{\"a\":\"x\",\"b\":\"y\"}"},
    {"input.a=z&input.b=y&when.b.0=a%09x", true, "{\"a\":\"z\",\"b\":\"y\"}", "{\"a\":\"z\"}"},
    {"input.a=z&input.b=y&unless.b.0=a%09x", true, "{\"a\":\"z\",\"b\":\"y\"}",
     "{\"a\":\"z\",\"b\":\"y\"}"},
    {"input.a=x&input.b=y&unless.b.0=a%09x", true, "{\"a\":\"x\",\"b\":\"y\"}", "{\"a\":\"x\"}"},
    /* on what has no answer, neither holds */
    {"input.a=&input.b=y&when.b.0=a%09", true, "{\"a\":\"\",\"b\":\"y\"}", "{}"},
    {"input.b=y&unless.b.0=a%09x", true, "{\"b\":\"y\"}", "{}"},
    /* all must hold */
    {"input.a=x&input.b=y&input.c=z&when.c.0=a%09x&when.c.1=b%09x", true,
     "{\"a\":\"x\",\"b\":\"y\",\"c\":\"z\"}", "{\"a\":\"x\",\"b\":\"y\"}"},
    /* of each type */
    {"type.a=boolean&input.b=y&when.b.0=a%09false", true, "{\"b\":\"y\"}",
     "{\"a\":false,\"b\":\"y\"}"},
    {"input.a=8080&type.a=integer&input.b=y&when.b.0=a%098080", true,
     "{\"a\":\"8080\",\"b\":\"y\"}", "{\"a\":8080,\"b\":\"y\"}"},
    {"input.a=0.5&type.a=number&input.b=y&unless.b.0=a%090.5", true, "{\"a\":\"0.5\",\"b\":\"y\"}",
     "{\"a\":0.5}"},
    {"pick.a.0=x&pick.a.1=z&type.a=multiselect&input.b=y&when.b.0=a%09z", true, "{\"b\":\"y\"}",
     "{\"a\":[\"x\",\"z\"],\"b\":\"y\"}"},
    {"type.a=multiselect&input.b=y&when.b.0=a%09z", true, "{\"b\":\"y\"}", "{\"a\":[]}"},
    {"type.a=multiselect&input.b=y&unless.b.0=a%09z", true, "{\"b\":\"y\"}",
     "{\"a\":[],\"b\":\"y\"}"},
    /* what is not wanted takes with it what depends on it */
    {"input.a=x&type.b=boolean&when.b.0=a%09y&input.c=z&when.c.0=b%09false", true,
     "{\"a\":\"x\",\"c\":\"z\"}", "{\"a\":\"x\"}"},
    /* names with dots, and conditions that are none */
    {"input.a=x&input.b.c=y&when.b.c.0=a%09z&input.b=w", true,
     "{\"a\":\"x\",\"b\":\"w\",\"b.c\":\"y\"}", "{\"a\":\"x\",\"b\":\"w\"}"},
    {"input.b=y&when.b.0=&when.b.1=a&when.b=a%09z&when.=%09&when.c.0=b%09z", true, "{\"b\":\"y\"}",
     "{\"b\":\"y\"}"},
};

static void
forms_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = rows[i].form;
		struct query form;

		assert_int_equal(query_parse(&form, text, strlen(text), QUERY_FORM), ERR_OK);
		if (start_form_asks(&form) != rows[i].asks)
			fail_msg("%s", text);
		assert_json(start_form_inputs(&form), rows[i].inputs, text);
		assert_json(start_form_answer(&form), rows[i].answer, text);
		query_free(&form);
	}
}

static void
without_a_form_nothing_is_asked(void **state)
{
	(void)state;
	assert_false(start_form_asks(NULL));
	assert_json(start_form_inputs(NULL), "{}", "none");
	assert_json(start_form_answer(NULL), "{}", "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forms_are_read),
	    cmocka_unit_test(without_a_form_nothing_is_asked),
	};

	json_init();
	return cmocka_run_group_tests_name("start_form", tests, NULL, NULL);
}
