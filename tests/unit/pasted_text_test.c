#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/pasted_text.h"
#include "util/secret.h"

static const struct flow flow = {
    .redirect_host = "localhost:1455",
    .redirect_port = 1455,
    .redirect_path = "/auth/callback",
    .authorize_origin = "https://auth.openai.com",
};

#define Q "code=a%2Bb&scope=x+y&state=S"

static const struct {
	const char *text;
	enum err want;
	const char *query;
} rows[] = {
    {"http://localhost:1455/auth/callback?" Q, ERR_OK, Q},
    {"  http://localhost:1455/auth/callback?" Q "\r\n", ERR_OK, Q},
    {"<http://localhost:1455/auth/callback?" Q ">", ERR_OK, Q},
    {"\"http://localhost:1455/auth/callback?" Q "\"", ERR_OK, Q},
    {"http://localhost:1455/auth/\r\ncallback?" Q, ERR_OK, Q},
    {"localhost:1455/auth/callback?" Q, ERR_OK, Q},
    {"HTTP://LOCALHOST:1455/auth/callback?" Q, ERR_OK, Q},
    {"http://127.0.0.1:1455/auth/callback?" Q, ERR_OK, Q},
    {"http://[::1]:1455/auth/callback?" Q, ERR_OK, Q},
    {"https://opencode.example.com/auth/callback?" Q, ERR_OK, Q},
    {"?" Q, ERR_OK, Q},
    {Q, ERR_OK, Q},
    {"state=S&code=C", ERR_OK, "state=S&code=C"},
    {"session_state=1&" Q, ERR_OK, "session_state=1&" Q},
    {"localhost:1455/auth/callback?code=C&scope=https://a.example/x&state=S", ERR_OK,
     "code=C&scope=https://a.example/x&state=S"},
    {"opencode.example.com/auth/callback?" Q, ERR_OK, Q},
    {"evil.example/auth/callback?" Q, ERR_PASTE_SITE, NULL},
    {"", ERR_PASTE_EMPTY, NULL},
    {NULL, ERR_PASTE_EMPTY, NULL},
    {" \r\n<> ", ERR_PASTE_EMPTY, NULL},
    {"http://localhost:1455@evil/auth/callback?" Q, ERR_PASTE_SITE, NULL},
    {"http://user@localhost:1455/auth/callback?" Q, ERR_PASTE_SITE, NULL},
    {"http://2130706433:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http://0x7f000001:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http://127.1:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http://[0:0:0:0:0:0:0:1]:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http://[::1%25lo]:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http://%6cocalhost:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http://localhost:01455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http:///localhost:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http:/localhost:1455/auth/callback?" Q, ERR_PASTE_TEXT, NULL},
    {"http://localhost:1456/auth/callback?" Q, ERR_PASTE_SITE, NULL},
    {"http://localhost/auth/callback?" Q, ERR_PASTE_SITE, NULL},
    {"https://localhost:1455/auth/callback?" Q, ERR_PASTE_SITE, NULL},
    {"http://localhost:1455/auth/../callback?" Q, ERR_PASTE_SITE, NULL},
    {"http://localhost:1455/other?" Q, ERR_PASTE_SITE, NULL},
    {"http://evil.example/auth/callback?" Q, ERR_PASTE_SITE, NULL},
    {"https://auth.openai.com/oauth/authorize?client_id=x&state=S", ERR_PASTE_AUTHORIZE, NULL},
    {"http://localhost:1455/auth/callback#" Q, ERR_PASTE_FRAGMENT, NULL},
    {"#" Q, ERR_PASTE_FRAGMENT, NULL},
    {Q "#x", ERR_PASTE_FRAGMENT, NULL},
    {".gitignore", ERR_PASTE_SITE, NULL},
    {"http://localhost:1455/auth/callback?" Q "\x7f", ERR_PASTE_TEXT, NULL},
    {"http://localhost:1455/auth/callback", ERR_NO_CODE, NULL},
    {"ac_1234567890abcdef", ERR_PASTE_CODE, NULL},
    {"<html><body>This site can't be reached</body></html>", ERR_PASTE_TEXT, NULL},
    {"hello there", ERR_PASTE_TEXT, NULL},
    {"\xff\xfe\x01", ERR_PASTE_TEXT, NULL},
};

static void
reads_what_people_paste(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf query;
		enum err got;

		buf_init(&query, 8192);
		got = pasted_text_read(rows[i].text, &flow, "https://opencode.example.com", &query);
		if (got != rows[i].want)
			fail_msg("'%s': got %s, want %s", rows[i].text, error_name(got),
				 error_name(rows[i].want));
		if (got == ERR_OK)
			assert_string_equal(buf_text(&query), rows[i].query);
		else
			assert_int_equal(query.len, 0);
		buf_free(&query);
	}
}

#define T "access_token=T&token_type=bearer&state=S"

static const struct {
	const char *text;
	enum err want;
	const char *answer;
} token_rows[] = {
    {"http://localhost:1455/auth/callback#" T, ERR_OK, T},
    {"localhost:1455/auth/callback#" T, ERR_OK, T},
    {"https://opencode.example.com/auth/callback#" T, ERR_OK, T},
    {"http://localhost:1455/auth/callback?x=1#" T, ERR_OK, T},
    {"#" T, ERR_OK, T},
    {T, ERR_OK, T},
    {"http://localhost:1455/auth/callback?error=access_denied&state=S", ERR_OK,
     "error=access_denied&state=S"},
    {"http://localhost:1455/auth/callback", ERR_PASTE_TOKEN, NULL},
    {"http://localhost:1455/auth/callback?" T, ERR_PASTE_TOKEN, NULL},
    {"?" T, ERR_PASTE_TOKEN, NULL},
    {"http://localhost:1456/auth/callback#" T, ERR_PASTE_SITE, NULL},
    {"http://evil.example/auth/callback#" T, ERR_PASTE_SITE, NULL},
    {"", ERR_PASTE_EMPTY, NULL},
};

static void
reads_tokens_from_the_fragment(void **state)
{
	struct flow token = flow;

	(void)state;
	token.response_type = RESPONSE_TYPE_TOKEN;
	for (size_t i = 0; i < sizeof(token_rows) / sizeof(token_rows[0]); i++) {
		struct buf answer;
		enum err got;

		buf_init(&answer, 8192);
		got = pasted_text_read(token_rows[i].text, &token, "https://opencode.example.com",
				       &answer);
		if (got != token_rows[i].want)
			fail_msg("'%s': got %s, want %s", token_rows[i].text, error_name(got),
				 error_name(token_rows[i].want));
		assert_string_equal(buf_text(&answer), got == ERR_OK ? token_rows[i].answer : "");
		buf_free(&answer);
	}
}

static void
needs_no_state_where_the_provider_sends_none(void **state)
{
	struct flow stateless = flow;
	struct buf answer;

	(void)state;
	stateless.stateless = true;
	buf_init(&answer, 8192);
	assert_int_equal(
	    pasted_text_read("code=C", &stateless, "https://opencode.example.com", &answer),
	    ERR_OK);
	assert_string_equal(buf_text(&answer), "code=C");
	buf_free(&answer);
	assert_int_equal(pasted_text_read("code=C", &flow, "https://opencode.example.com", &answer),
			 ERR_PASTE_CODE);
	buf_free(&answer);
}

#define A "https://a.example/authorize?x=1&redirect_uri=y"

static const struct {
	const char *text;
	const char *url; /* NULL: ERR_ADOPT_TEXT */
} authorize_rows[] = {
    {A, A},
    {"  " A "\r\n", A},
    {"Go to: " A, A},
    {"\"" A "\"", A},
    {"https://a.example/auth\r\n  orize?x=1&\n\xe2\x94\x82  redirect_uri=y\n", A},
    {"https://a.example/\xff", NULL},
    {"ftp://a.example/", NULL},
    {"", NULL},
    {NULL, NULL},
};

static void
finds_the_address_that_a_terminal_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(authorize_rows) / sizeof(authorize_rows[0]); i++) {
		const char *want = authorize_rows[i].url;
		struct buf url;

		buf_init(&url, 8192);
		assert_int_equal(pasted_text_authorize_url(authorize_rows[i].text, &url),
				 want == NULL ? ERR_ADOPT_TEXT : ERR_OK);
		if (want != NULL)
			assert_string_equal(buf_text(&url), want);
		buf_free(&url);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_people_paste),
	    cmocka_unit_test(reads_tokens_from_the_fragment),
	    cmocka_unit_test(needs_no_state_where_the_provider_sends_none),
	    cmocka_unit_test(finds_the_address_that_a_terminal_printed),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("pasted_text", tests, NULL, NULL);
}
