#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/cookie.h"
#include "util/secret.h"

#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct {
	const char *header;
	bool secure;
	bool found;
} rows[] = {
    {NULL, true, false},
    {"", true, false},
    {"__Host-opencode-callback=" TOKEN, true, true},
    {"a=b; __Host-opencode-callback=" TOKEN "; c=d", true, true},
    {"a=b;__Host-opencode-callback=" TOKEN, true, true},
    {"opencode-callback=" TOKEN, false, true},
    {"opencode-callback=" TOKEN, true, false},
    {"__Host-opencode-callback=" TOKEN, false, false},
    {"__Host-opencode-callback=" TOKEN "A", true, false},
    {"__Host-opencode-callback=short", true, false},
    {"__Host-opencode-callback", true, false},
    {"__Host-opencode-callback=", true, false},
    {"__Host-opencode-callback=\"" TOKEN "\"", true, false},
    {"__Host-opencode-callback =" TOKEN, true, false},
    {"__Host-opencode-callback= " TOKEN, true, false},
    {"__host-opencode-callback=" TOKEN, true, false},
    {"__Secure-opencode-callback=" TOKEN, true, false},
    {"__Host-opencode-callback=" TOKEN "; __Host-opencode-callback", true, false},
    {"__Host-opencode-callback=; __Host-opencode-callback=" TOKEN, true, false},
    {"opencode-callback=x; __Host-opencode-callback=" TOKEN, true, true},
    {"__Host-opencode-callback=" TOKEN ",a=b", true, false},
    {"x__Host-opencode-callback=" TOKEN, true, false},
    {"__Host-opencode-callback=" TOKEN "; __Host-opencode-callback=" TOKEN, true, false},
    {";;; ; __Host-opencode-callback=" TOKEN " ;", true, true},
    {"end", true, false},
};

static void
finds_our_cookie(void **state)
{
	char want[SECRET_HASH_LEN + 1], got[44];

	(void)state;
	secret_hash(TOKEN, strlen(TOKEN), want);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cookie_browser(rows[i].header, rows[i].secure, got), ERR_OK);
		if (strcmp(got, rows[i].found ? want : "") != 0)
			fail_msg("'%s': got '%s'", rows[i].header, got);
	}
}

static void
too_many_are_refused(void **state)
{
	char header[4096] = "", got[44];

	(void)state;
	for (int i = 0; i < 500; i++)
		snprintf(header + strlen(header), sizeof(header) - strlen(header), "a=%d;", i % 10);
	assert_int_equal(cookie_browser(header, true, got), ERR_HEADER_LONG);
	assert_string_equal(got, "");
}

static void
an_offered_cookie_is_found_again(void **state)
{
	struct response r;
	char offered[44], got[44], *value, *end;

	(void)state;
	response_init(&r);
	cookie_offer(&r, true, offered);
	assert_non_null(strstr(buf_text(&r.head), "; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"));
	assert_null(strstr(buf_text(&r.head), "Domain"));
	value = r.head.data + strlen("Set-Cookie: ");
	end = strchr(value, ';');
	assert_non_null(end);
	*end = '\0';
	assert_int_equal(cookie_browser(value, true, got), ERR_OK);
	assert_string_equal(got, offered);
	response_free(&r);
}

static void
ours_never_reaches_opencode(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	assert_int_equal(
	    cookie_strip("a=1; __Host-opencode-callback=" TOKEN "; b=2; opencode-callback=x", &out),
	    ERR_OK);
	assert_string_equal(buf_text(&out), "a=1; b=2");
	buf_free(&out);
}

static void
others_are_told_from_ours(void **state)
{
	static const struct {
		const char *header;
		bool others;
	} others[] = {
	    {NULL, false},
	    {"", false},
	    {" ; ;; ", false},
	    {"__Host-opencode-callback=" TOKEN, false},
	    {"opencode-callback=" TOKEN "; __Host-opencode-callback=x", false},
	    {"opencode-callback", false},
	    {"opencode_session_1=x", true},
	    {"a", true},
	    {"__Host-opencode-callback=" TOKEN "; opencode_session_1=x", true},
	    {"opencode_session_1=x; opencode-callback=" TOKEN, true},
	    {"opencode-callbackx=" TOKEN, true},
	    {"Opencode-Callback=" TOKEN, true},
	    {"=opencode-callback", true},
	    {"opencode-callback=" TOKEN ";b", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct buf out;

		if (cookie_others(others[i].header) != others[i].others)
			fail_msg("'%s'", others[i].header == NULL ? "" : others[i].header);
		/* and those are what is left for opencode */
		buf_init(&out, 256);
		assert_int_equal(cookie_strip(others[i].header, &out), ERR_OK);
		assert_int_equal(out.len > 0, others[i].others);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_our_cookie),
	    cmocka_unit_test(too_many_are_refused),
	    cmocka_unit_test(an_offered_cookie_is_found_again),
	    cmocka_unit_test(ours_never_reaches_opencode),
	    cmocka_unit_test(others_are_told_from_ours),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
