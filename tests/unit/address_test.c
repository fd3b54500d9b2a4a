#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "address.h"
#include "secret.h"

#define AUTH  "https://auth.openai.com/oauth/authorize?response_type=code&client_id=x"
#define LOCAL "&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback"

static const struct {
	const char *url;
	bool want;
	const char *host; /* of the redirect URI */
} rows[] = {
    {AUTH LOCAL "&state=S", true, "localhost:1455"},
    {"https://a.example/?response_type=code&state=S&redirect_uri=http://127.0.0.1:8080/callback",
     true, "127.0.0.1:8080"},
    {"https://a.example/?response_type=code&state=S&redirect_uri=http://[::1]:8080/callback", true,
     "[::1]:8080"},
    {"http://a.example:8443/?response_type=code&state=S&redirect_uri=http://127.0.0.1:1024/", true,
     "127.0.0.1:1024"},
    {AUTH LOCAL, false, NULL},
    {AUTH LOCAL "&state=", false, NULL},
    {AUTH "&state=S", false, NULL},
    {AUTH LOCAL "&state=S&state=T", false, NULL},
    {"https://a.example/?response_type=token&state=S&redirect_uri=http://127.0.0.1:8080/callback",
     false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1023%2F", false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback", false, NULL},
    {AUTH "&state=S&redirect_uri=https%3A%2F%2Flocalhost%3A1455%2Fcallback", false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Fu%3Ap%40localhost%3A1455%2Fcallback", false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1455%40evil.example%2F", false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost.evil.example%3A1455%2F", false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F127.0.0.2%3A1455%2F", false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2F%3Fx%3D1", false, NULL},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2F%23f", false, NULL},
    {AUTH "&state=S&redirect_uri=https%3A%2F%2Fopencode.example.com%2Fauth%2Fcallback", false,
     NULL},
    {"https://u:p@auth.openai.com/?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     false, NULL},
    {"javascript:alert(1)?response_type=code&state=S&redirect_uri=http://localhost:1455/", false,
     NULL},
    {"data:text/html,x", false, NULL},
    {"", false, NULL},
};

static void
records_only_what_the_design_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow flow = {.method = 0};
		bool got = authorize_url_read(rows[i].url, &flow);

		if (got != rows[i].want)
			fail_msg("'%s': got %d, want %d", rows[i].url, got, rows[i].want);
		if (got) {
			assert_string_equal(flow.redirect_host, rows[i].host);
			assert_int_equal(strlen(flow.id), FLOW_ID_LEN);
		}
	}
}

static void
takes_the_parts_of_a_flow(void **state)
{
	struct flow flow = {.method = 0};
	char id[FLOW_ID_LEN + 1];

	(void)state;
	assert_true(authorize_url_read(AUTH LOCAL "&state=a%2Bb", &flow));
	flow_id("a+b", 3, id);
	assert_string_equal(flow.id, id);
	assert_string_equal(flow.redirect_path, "/auth/callback");
	assert_string_equal(flow.authorize_origin, "https://auth.openai.com");
	assert_int_equal(flow.redirect_port, 1455);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_only_what_the_design_allows),
	    cmocka_unit_test(takes_the_parts_of_a_flow),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
