#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/json.h"
#include "util/secret.h"

#define OLD "https://a.example/?a=b&state=\"S\""
#define NEW "https://a.example/?a=b&state=\"N\""
#define IN  "\"https://a.example/?a=b&state=\\\"N\\\"\""

static void
a_string_is_replaced_however_it_is_written(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
	    {"", ""},
	    {"{}", "{}"},
	    {" { \"url\" :\t\"https://a.example/?a=b&state=\\\"S\\\"\" , \"n\":1.50 }\n",
	     " { \"url\" :\t" IN " , \"n\":1.50 }\n"},
	    {"{\"url\":\"https:\\/\\/a.example\\/?a=b\\u0026state=\\u0022S\\u0022\"}",
	     "{\"url\":" IN "}"},
	    {"[\"https://a.example/?a=b&state=\\\"S\\\" "
	     "\",\"https://a.example/?a=b&state=\\\"S\\\"\"]",
	     "[\"https://a.example/?a=b&state=\\\"S\\\" \"," IN "]"},
	    /* nothing that only looks like it */
	    {"{\"oauthState\":\"S\",\"x\":\"\\\\\",\"y\":\"\\\\\\\"\"}",
	     "{\"oauthState\":\"S\",\"x\":\"\\\\\",\"y\":\"\\\\\\\"\"}"},
	    {"\"open https://a.example/?a=b&state=\\\"S\\\" now\"",
	     "\"open https://a.example/?a=b&state=\\\"S\\\" now\""},
	    /* nor beyond the end of what is no JSON */
	    {"{\"a", "{\"a"},
	    {"{\"a\\", "{\"a\\"},
	    {"\"", "\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf text, out;

		buf_init(&text, 4096);
		buf_init(&out, 4096);
		buf_puts(&text, rows[i].text);
		assert_int_equal(json_replace(&text, OLD, NEW, &out), ERR_OK);
		assert_string_equal(buf_text(&out), rows[i].want);
		buf_free(&text);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_string_is_replaced_however_it_is_written),
	};

	if (secret_init() != ERR_OK)
		return 1;
	json_init();
	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
