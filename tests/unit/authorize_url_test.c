#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signin/authorize_url.h"
#include "util/secret.h"

#define AUTH  "https://auth.openai.com/oauth/authorize?response_type=code&client_id=x"
#define LOCAL "&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback"

#define RELAY "https://relay.example.com/relay/callback"
#define OWN   "&redirect_uri=https%3A%2F%2Fopencode.example.com%2Fmcp%2Foauth%2Fcallback"

static struct config config = {.callback_paths = {"/auth/callback", "/mcp/oauth/callback"},
			       .callback_path_count = 2,
			       .relay_via = RELAY};
static const struct authorize_site own = {"https://opencode.example.com", "", &config};

static const struct {
	const char *url;
	enum err want;
	const char *host; /* of the redirect URI; "" if it is ours */
	const char *path;
	enum flow_response_type response_type;
	bool stateless;
} rows[] = {
    {AUTH LOCAL "&state=S", ERR_OK, "localhost:1455", "/auth/callback", RESPONSE_TYPE_CODE, false},
    {"https://a.example/?response_type=code&state=S&redirect_uri=http://127.0.0.1:8080/callback",
     ERR_OK, "127.0.0.1:8080", "/callback", RESPONSE_TYPE_CODE, false},
    {"https://a.example/?response_type=code&state=S&redirect_uri=http://[::1]:8080/callback",
     ERR_OK, "[::1]:8080", "/callback", RESPONSE_TYPE_CODE, false},
    {"http://a.example:8443/?response_type=code&state=S&redirect_uri=http://127.0.0.1:1024/",
     ERR_OK, "127.0.0.1:1024", "/", RESPONSE_TYPE_CODE, false},
    {"https://a.example/?response_type=token&state=S&redirect_uri=http://localhost:1456/auth/"
     "callback",
     ERR_OK, "localhost:1456", "/auth/callback", RESPONSE_TYPE_TOKEN, false},
    {AUTH LOCAL, ERR_OK, "localhost:1455", "/auth/callback", RESPONSE_TYPE_CODE, true},
    {AUTH LOCAL "&state=", ERR_OK, "localhost:1455", "/auth/callback", RESPONSE_TYPE_CODE, true},
    {AUTH OWN "&state=S", ERR_OK, "", "/mcp/oauth/callback", RESPONSE_TYPE_CODE, false},
    /* the relay's, word for word, and no other */
    {AUTH "&state=S&redirect_uri=" RELAY, ERR_OK, "", "", RESPONSE_TYPE_CODE, false},
    {AUTH "&state=S&redirect_uri=https%3A%2F%2Frelay.example.com%2Frelay%2Fcallback", ERR_OK, "",
     "", RESPONSE_TYPE_CODE, false},
    {AUTH "&redirect_uri=" RELAY, ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=" RELAY "/", ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=" RELAY "%3F", ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=https://Relay.example.com/relay/callback", ERR_ADOPT_REDIRECT,
     NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=https://relay.example.com:443/relay/callback", ERR_ADOPT_REDIRECT,
     NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http://relay.example.com/relay/callback", ERR_ADOPT_REDIRECT, NULL,
     NULL, 0, false},
    {AUTH OWN, ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {"https://a.example/?response_type=token&redirect_uri=http://localhost:1456/auth/callback",
     ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {"https://a.example/?response_type=id_token&state=S&redirect_uri=http://127.0.0.1:8080/c",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    /* other shapes: no response_type, another name of the redirect URI, a name twice */
    {"https://a.example/?state=S&redirect_uri=http://127.0.0.1:8080/c", ERR_OK, "127.0.0.1:8080",
     "/c", RESPONSE_TYPE_CODE, false},
    {"https://openrouter.ai/auth?callback_url=http%3A%2F%2Flocalhost%3A54549%2Fcallback&code_"
     "challenge=E",
     ERR_OK, "localhost:54549", "/callback", RESPONSE_TYPE_CODE, true},
    {AUTH LOCAL "&state=S&scope=a&scope=b", ERR_OK, "localhost:1455", "/auth/callback",
     RESPONSE_TYPE_CODE, false},
    {"https://a.example/?a=http://localhost:1455/&b=http://localhost:1456/", ERR_ADOPT_TEXT, NULL,
     NULL, 0, false},
    {"https://a.example/?callback_url=http://localhost:1023/", ERR_ADOPT_TEXT, NULL, NULL, 0,
     false},
    {"https://a.example/?callback_url=https://b.example/", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"https://a.example/?state=S&redirect_uri=https://b.example/", ERR_ADOPT_TEXT, NULL, NULL, 0,
     false},
    {AUTH LOCAL LOCAL "&state=S", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {AUTH LOCAL "&state=S&response_type=token", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {AUTH LOCAL "&state=S&response_mode=form_post", ERR_ADOPT_FORM, NULL, NULL, 0, false},
    {AUTH LOCAL "&state=S&response_mode=query", ERR_OK, "localhost:1455", "/auth/callback",
     RESPONSE_TYPE_CODE, false},
    {AUTH "&state=S", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {AUTH LOCAL "&state=S&state=T", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"http://localhost:1455/auth/callback?code=C&state=S", ERR_ADOPT_CALLBACK, NULL, NULL, 0,
     false},
    {"http://localhost:1455/auth/callback?error=access_denied&state=S", ERR_ADOPT_CALLBACK, NULL,
     NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1023%2F", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=https%3A%2F%2Flocalhost%3A1455%2Fcallback", ERR_ADOPT_REDIRECT,
     NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Fu%3Ap%40localhost%3A1455%2Fcallback",
     ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1455%40evil.example%2F",
     ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost.evil.example%3A1455%2F", ERR_ADOPT_REDIRECT,
     NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F127.0.0.2%3A1455%2F", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2F%3Fx%3D1", ERR_ADOPT_REDIRECT,
     NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2F%23f", ERR_ADOPT_REDIRECT, NULL,
     NULL, 0, false},
    {AUTH OWN "%23&state=S", ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH LOCAL "%3F&state=S", ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH OWN "%3Fx%3D1&state=S", ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH OWN "%2F..%2F..%2Fx&state=S", ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Fopencode.example.com%2Fmcp%2Foauth%2Fcallback",
     ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=https%3A%2F%2Fopencode.example.com%2Felsewhere",
     ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=https%3A%2F%2Fopencode.example.com%3A8443%2Fauth%2Fcallback",
     ERR_ADOPT_REDIRECT, NULL, NULL, 0, false},
    /* other spellings of this machine, which RFC 8252 section 7.3 does not have */
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F2130706433%3A1455%2F", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F0x7f.1%3A1455%2F", ERR_ADOPT_REDIRECT, NULL, NULL, 0,
     false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F0177.0.0.1%3A1455%2F", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F127.1%3A1455%2F", ERR_ADOPT_REDIRECT, NULL, NULL, 0,
     false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F[0:0:0:0:0:0:0:1]%3A1455%2F", ERR_ADOPT_REDIRECT,
     NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F[::1%2525lo]%3A1455%2F", ERR_ADOPT_REDIRECT, NULL,
     NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F[::ffff:127.0.0.1]%3A1455%2F", ERR_ADOPT_REDIRECT,
     NULL, NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F%256cocalhost%3A1455%2F", ERR_ADOPT_REDIRECT, NULL,
     NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost.%3A1455%2F", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A01455%2F", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A%2F", ERR_ADOPT_REDIRECT, NULL, NULL, 0,
     false},
    {AUTH "&state=S&redirect_uri=http%3A%2Flocalhost%3A1455%2F", ERR_ADOPT_REDIRECT, NULL, NULL, 0,
     false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2F%2Flocalhost%3A1455%2F", ERR_ADOPT_REDIRECT, NULL,
     NULL, 0, false},
    {AUTH "&state=S&redirect_uri=http%3A%5C%5Clocalhost%3A1455%5C", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {AUTH "&state=S&redirect_uri=http%3A%2F%2Flocalhost%3A65536%2F", ERR_ADOPT_REDIRECT, NULL, NULL,
     0, false},
    {"https:///auth.openai.com/?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"https://%61uth.openai.com/?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"vbscript:x?response_type=code&state=S&redirect_uri=http://localhost:1455/", ERR_ADOPT_TEXT,
     NULL, NULL, 0, false},
    {"//auth.openai.com/?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"https://u:p@auth.openai.com/?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"javascript:alert(1)?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"https:/a.example/?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"data:text/html,x", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"ftp://a.example/?response_type=code&state=S&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"https://a.example/?response_type=code&state=%ff&redirect_uri=http://localhost:1455/",
     ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"https://a.example/", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
    {"", ERR_ADOPT_TEXT, NULL, NULL, 0, false},
};

static void
records_only_what_the_design_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow flow = {.method = 0};
		enum err got = authorize_url_read(rows[i].url, &own, &flow);

		if (got != rows[i].want)
			fail_msg("'%s': got %s, want %s", rows[i].url, error_name(got),
				 error_name(rows[i].want));
		if (got != ERR_OK)
			continue;
		assert_string_equal(flow.redirect_host, rows[i].host);
		assert_string_equal(flow.redirect_path, rows[i].path);
		assert_int_equal(flow.direct, rows[i].host[0] == '\0');
		assert_int_equal(flow.response_type, rows[i].response_type);
		assert_int_equal(flow.stateless, rows[i].stateless);
		assert_int_equal(strlen(flow.id), FLOW_ID_LEN);
	}
}

static void
knows_its_own_address_below_a_mount_point(void **state)
{
	static const char url[] = AUTH
	    "&state=S&redirect_uri=https%3A%2F%2Fopencode.example.com%2Fcgi-bin%2Fcb.cgi%2Fauth%"
	    "2Fcallback";
	struct authorize_site mounted = {own.origin, "/cgi-bin/cb.cgi", &config};
	struct flow flow = {.method = 0};

	(void)state;
	assert_int_equal(authorize_url_read(url, &mounted, &flow), ERR_OK);
	assert_true(flow.direct);
	assert_string_equal(flow.redirect_path, "/auth/callback");
	flow = (struct flow){.method = 0};
	assert_int_equal(authorize_url_read(url, &own, &flow), ERR_ADOPT_REDIRECT);
	assert_int_equal(authorize_url_read(AUTH OWN "&state=S", NULL, &flow), ERR_ADOPT_REDIRECT);
}

static void
takes_the_parts_of_a_flow(void **state)
{
	struct flow flow = {.method = 0};
	char id[FLOW_ID_LEN + 1];

	(void)state;
	assert_int_equal(authorize_url_read(AUTH LOCAL "&state=a%2Bb", &own, &flow), ERR_OK);
	flow_id("a+b", 3, id);
	assert_string_equal(flow.id, id);
	assert_string_equal(flow.redirect_path, "/auth/callback");
	assert_string_equal(flow.authorize_origin, "https://auth.openai.com");
	assert_int_equal(flow.redirect_port, 1455);
}

static void
an_address_has_a_size(void **state)
{
	static char url[FLOW_URL_MAX + 2];
	struct flow flow = {.method = 0};
	size_t len;

	(void)state;
	len = (size_t)snprintf(url, sizeof(url), "%s&a=%04000d&b=%04000d&c=", AUTH LOCAL "&state=S",
			       1, 1);
	for (; len < FLOW_URL_MAX; len++)
		url[len] = 'x';
	assert_int_equal(authorize_url_read(url, NULL, &flow), ERR_OK);
	url[len] = 'x';
	assert_int_equal(authorize_url_read(url, NULL, &flow), ERR_ADOPT_TEXT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_only_what_the_design_allows),
	    cmocka_unit_test(knows_its_own_address_below_a_mount_point),
	    cmocka_unit_test(takes_the_parts_of_a_flow),
	    cmocka_unit_test(an_address_has_a_size),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("authorize_url", tests, NULL, NULL);
}
