#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/query.h"

struct row {
	const char *raw;
	enum query_kind kind;
	enum err want;
	const char *name; /* of a parameter to look at */
	const char *value;
};

static const struct row rows[] = {
    {"", QUERY_STRING, ERR_OK, "code", NULL},
    {"&", QUERY_STRING, ERR_OK, "code", NULL},
    {"&&&", QUERY_STRING, ERR_OK, "code", NULL},
    {"&&=&", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"=", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"=x&state=S", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=a%2Bb%2Fc%3D", QUERY_STRING, ERR_OK, "code", "a+b/c="},
    {"code=a+b", QUERY_STRING, ERR_OK, "code", "a b"},
    {"code", QUERY_STRING, ERR_OK, "code", ""},
    {"code=", QUERY_STRING, ERR_OK, "code", ""},
    {"st%61te=S", QUERY_STRING, ERR_OK, "state", "S"},
    {"code=C%", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=C%4", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=C%zz", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=C%u0041", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=%C0%AF", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=%ED%A0%80", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=%FF", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=%C3%A9", QUERY_STRING, ERR_OK, "code", "\xc3\xa9"},
    {"code=%F4%90%80%80", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=\xc3\xa9", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=a b", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=%0d%0aSet-Cookie:x=1", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=%00", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"code=A&code=B", QUERY_STRING, ERR_DUPLICATE, NULL, NULL},
    {"state=S&code=A&state=S", QUERY_STRING, ERR_DUPLICATE, NULL, NULL},
    {"state=S&st%61te=S", QUERY_STRING, ERR_DUPLICATE, NULL, NULL},
    {"code=A?state=S", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"a#=1&code=C", QUERY_STRING, ERR_ENCODING, NULL, NULL},
    {"address=a%0D%0Ab", QUERY_FORM, ERR_OK, "address", "a\r\nb"},
    {"address=a%00b", QUERY_FORM, ERR_ENCODING, NULL, NULL},
    {"address=x?y", QUERY_FORM, ERR_OK, "address", "x?y"},
};

static void
parses_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct query q;
		enum err got = query_parse(&q, row->raw, strlen(row->raw), row->kind);
		const char *value = row->name == NULL ? NULL : query_get(&q, row->name);

		if (got != row->want)
			fail_msg("'%s': got %d, want %d", row->raw, got, row->want);
		if ((value == NULL) != (row->value == NULL) ||
		    (value != NULL && strcmp(value, row->value) != 0))
			fail_msg("'%s': value '%s', want '%s'", row->raw, value, row->value);
		if (got != ERR_OK)
			assert_int_equal(q.count, 0);
		query_free(&q);
	}
}

static void
sizes_have_their_limits(void **state)
{
	char raw[QUERY_VALUE_MAX + 16], many[QUERY_PARAMS_MAX * 8 + 16] = "";
	struct query q;

	(void)state;
	memcpy(raw, "code=", 5);
	memset(raw + 5, 'x', QUERY_VALUE_MAX + 1);
	assert_int_equal(query_parse(&q, raw, 5 + QUERY_VALUE_MAX, QUERY_STRING), ERR_OK);
	assert_int_equal(strlen(query_get(&q, "code")), QUERY_VALUE_MAX);
	query_free(&q);
	assert_int_equal(query_parse(&q, raw, 6 + QUERY_VALUE_MAX, QUERY_STRING), ERR_VALUE_LONG);
	for (int i = 0; i < QUERY_PARAMS_MAX; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many),
			 "%sp%d=", i > 0 ? "&" : "", i);
	assert_int_equal(query_parse(&q, many, strlen(many), QUERY_STRING), ERR_OK);
	query_free(&q);
	snprintf(many + strlen(many), sizeof(many) - strlen(many), "&x=");
	assert_int_equal(query_parse(&q, many, strlen(many), QUERY_STRING), ERR_PARAMS);
}

static void
raw_parameters_are_copied_as_they_stand(void **state)
{
	char out[32] = "";

	(void)state;
	assert_true(
	    query_copy_raw("a=1&directory=%2Fsrc&auth_token=x", "directory", out, sizeof(out)));
	assert_true(query_copy_raw("workspace=w&mydirectory=2", "workspace", out, sizeof(out)));
	assert_string_equal(out, "directory=%2Fsrc&workspace=w");
	assert_true(query_copy_raw("mydirectory=2", "directory", out, sizeof(out)));
	assert_string_equal(out, "directory=%2Fsrc&workspace=w");
	assert_false(query_copy_raw("directory=too-long-for-it", "directory", out, sizeof(out)));
}

static void
one_value_is_replaced_and_nothing_else(void **state)
{
	static const struct {
		const char *raw;
		const char *want;
	} cases[] = {
	    {"state=S", "state=N%20"},
	    {"state=", "state=N%20"},
	    {"code=a%2Bb+c&state=S&iss=https://a.example",
	     "code=a%2Bb+c&state=N%20&iss=https://a.example"},
	    {"&&code=C&&state=S&", "&&code=C&&state=N%20&"},
	    {"st%61te=S=T&x", "st%61te=N%20&x"},
	    {"xstate=1&statex=2&State=3&state=4", "xstate=1&statex=2&State=3&state=N%20"},
	    {"x=state=4&state=S", "x=state=4&state=N%20"},
	    {"state&code=C", "state&code=C"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out;

		buf_init(&out, QUERY_VALUE_MAX);
		query_replace_raw(cases[i].raw, "state", "N%20", &out);
		assert_string_equal(buf_text(&out), cases[i].want);
		buf_free(&out);
	}
}

static void
anything_can_be_encoded(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	query_encode("aZ9-_.~ +&%/\r\n\0\xc3\xbc", 17, &out);
	assert_string_equal(buf_text(&out), "aZ9-_.~%20%2B%26%25%2F%0D%0A%00%C3%BC");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parses_as_the_table_says),
	    cmocka_unit_test(sizes_have_their_limits),
	    cmocka_unit_test(raw_parameters_are_copied_as_they_stand),
	    cmocka_unit_test(one_value_is_replaced_and_nothing_else),
	    cmocka_unit_test(anything_can_be_encoded),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
