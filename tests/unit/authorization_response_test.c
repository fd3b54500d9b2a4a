#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signin/authorization_response.h"
#include "util/secret.h"

/* Reads each kind of authorization response that a flow can wait for; the store takes no part. */

enum kind { REDIRECT, CODE, TOKEN, STATELESS };

static const struct {
	enum kind kind;
	const char *raw;
	enum err want;
	bool declined;
} rows[] = {
    {REDIRECT, "code=C&state=S", ERR_OK, false},
    {REDIRECT, "state=S&code=C&iss=https%3A%2F%2Fa.example&x=", ERR_OK, false},
    {REDIRECT, "error=access_denied&state=S", ERR_OK, true},
    {REDIRECT, "code=&error=access_denied&state=S", ERR_CODE_AND_ERROR, false},
    {REDIRECT, "code=C&error=&state=S", ERR_CODE_AND_ERROR, false},
    {REDIRECT, "", ERR_NO_STATE, false},
    {REDIRECT, "code=C", ERR_NO_STATE, false},
    {REDIRECT, "code=C&state=", ERR_NO_STATE, false},
    {REDIRECT, "state=S", ERR_NO_CODE, false},
    {REDIRECT, "code=&state=S", ERR_NO_CODE, false},
    {REDIRECT, "error=&state=S", ERR_NO_CODE, false},
    {REDIRECT, "access_token=T&state=S", ERR_RESPONSE_MODE, false},
    {REDIRECT, "code=C&id_token=T&state=S", ERR_RESPONSE_MODE, false},
    {REDIRECT, "response=J", ERR_RESPONSE_MODE, false},
    {REDIRECT, "code=C&state=S&state=S", ERR_DUPLICATE, false},
    {REDIRECT, "code=%00&state=S", ERR_ENCODING, false},
    {CODE, "code=C&state=S", ERR_OK, false},
    {CODE, "code=C", ERR_NO_STATE, false},
    {CODE, "access_token=T&state=S", ERR_RESPONSE_MODE, false},
    {TOKEN, "access_token=T&state=S", ERR_OK, false},
    {TOKEN, "error=access_denied&state=S", ERR_OK, true},
    {TOKEN, "code=C&state=S", ERR_RESPONSE_MODE, false},
    {TOKEN, "access_token=T", ERR_NO_STATE, false},
    {TOKEN, "access_token=T&error=x&state=S", ERR_CODE_AND_ERROR, false},
    {TOKEN, "state=S", ERR_NO_CODE, false},
    {STATELESS, "code=C", ERR_OK, false},
    {STATELESS, "error=access_denied", ERR_OK, true},
    {STATELESS, "", ERR_NO_CODE, false},
    {STATELESS, "access_token=T", ERR_RESPONSE_MODE, false},
};

static void
reads_the_answer_that_is_waited_for(void **state)
{
	static const struct flow flows[] = {
	    [CODE] = {.response_type = RESPONSE_TYPE_CODE, .id = "page"},
	    [TOKEN] = {.response_type = RESPONSE_TYPE_TOKEN, .id = "page"},
	    [STATELESS] = {.response_type = RESPONSE_TYPE_CODE, .stateless = true, .id = "page"},
	};
	char id[FLOW_ID_LEN + 1];

	(void)state;
	flow_id("S", 1, id);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct flow *flow = rows[i].kind == REDIRECT ? NULL : &flows[rows[i].kind];
		struct authorization_response response;
		enum err got = authorization_response_read(&response, rows[i].raw, flow);

		if (got != rows[i].want)
			fail_msg("'%s': got %s, want %s", rows[i].raw, error_name(got),
				 error_name(rows[i].want));
		if (got == ERR_OK) {
			assert_ptr_equal(response.raw, rows[i].raw);
			assert_int_equal(response.declined, rows[i].declined);
			/* whose it is: its state says so, or the page that it was pasted on */
			assert_string_equal(response.id, rows[i].kind == STATELESS ? "page" : id);
		}
		authorization_response_free(&response);
	}
}

static void
has_a_size(void **state)
{
	static char raw[8192 + 2];
	struct authorization_response response;
	size_t len;

	(void)state;
	len = (size_t)snprintf(raw, sizeof(raw), "code=C&state=S&x=%04000d&y=", 1);
	memset(raw + len, 'y', 8192 - len);
	assert_int_equal(strlen(raw), 8192);
	assert_int_equal(authorization_response_read(&response, raw, NULL),
			 ERR_VALUE_LONG); /* its y */
	authorization_response_free(&response);
	memcpy(raw + 5000, "&z=", 3);
	assert_int_equal(authorization_response_read(&response, raw, NULL), ERR_OK);
	authorization_response_free(&response);
	raw[8192] = 'z';
	assert_int_equal(authorization_response_read(&response, raw, NULL), ERR_QUERY_LONG);
	authorization_response_free(&response);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_answer_that_is_waited_for),
	    cmocka_unit_test(has_a_size),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("authorization_response", tests, NULL, NULL);
}
