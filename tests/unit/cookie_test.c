#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/cookie.h"
#include "http/request.h"
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
    /* a comma ends nothing: else another site's cookie could hold one of ours */
    {"a=b, __Host-opencode-callback=" TOKEN, true, false},
    {"a=b; c=d, __Host-opencode-callback=" TOKEN ", e=f", true, false},
    {"__Host-opencode-callback=" TOKEN ", a=b", true, false},
    {"a=b, __Host-opencode-callback=x; __Host-opencode-callback=" TOKEN, true, true},
    {"a=b,__Host-opencode-callback=" TOKEN, true, false},
    {"a=b ,__Host-opencode-callback=" TOKEN, true, false},
    {"__Host-opencode-callback=" TOKEN ", __Host-opencode-callback=" TOKEN, true, false},
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
		cookie_browser(rows[i].header, rows[i].secure, got);
		if (strcmp(got, rows[i].found ? want : "") != 0)
			fail_msg("'%s': got '%s'", rows[i].header, got);
	}
}

/* What fills a header of COOKIE_HEADER_MAX bytes before, behind and around our cookie. */
static const char *const fillings[] = {
    "a;",
    "a=b; ",
    ";",
    " ",
    "=",
    ",",
    ", ",
    "a, ",
    "x",
    "\t;",
    "opencode-callback;",
    "__Host-",
    "a==;",
    "__Host-opencode-callbac=" TOKEN "; ",
};

/* Writes a header of max bytes: as much of the filling as fits, with our cookie at about at. */
static void
fill(char *header, size_t max, const char *filling, size_t at)
{
	static const char ours[] = "; __Host-opencode-callback=" TOKEN "; ";
	size_t len = 0, rest = max - (sizeof(ours) - 1);

	while (len + strlen(filling) <= (at < rest ? at : rest)) {
		memcpy(header + len, filling, strlen(filling));
		len += strlen(filling);
	}
	memcpy(header + len, ours, sizeof(ours) - 1);
	len += sizeof(ours) - 1;
	while (len + strlen(filling) <= max) {
		memcpy(header + len, filling, strlen(filling));
		len += strlen(filling);
	}
	memset(header + len, ' ', max - len);
	header[max] = '\0';
}

static void
any_number_is_passed_over(void **state)
{
	static char header[COOKIE_HEADER_MAX + 1];
	static const size_t places[] = {0, COOKIE_HEADER_MAX / 2, COOKIE_HEADER_MAX};
	char want[SECRET_HASH_LEN + 1], got[44];

	(void)state;
	secret_hash(TOKEN, strlen(TOKEN), want);
	for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++)
		for (size_t j = 0; j < 3; j++) {
			fill(header, COOKIE_HEADER_MAX, fillings[i], places[j]);
			cookie_browser(header, true, got);
			if (strcmp(got, want) != 0)
				fail_msg("'%s', %zu", fillings[i], places[j]);
			cookie_browser(header, false, got);
			assert_string_equal(got, "");
		}
}

/*
 * Linear time: each cookie begins where the one before it has ended, and nothing behind that end is
 * needed to read it. (Here the end of the header follows, and the answer is the same.)
 */
static void
each_byte_is_read_once(void **state)
{
	static char header[COOKIE_HEADER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
		const char *rest = header, *before = header;
		struct cookie cookie, again;
		size_t calls = 0;

		fill(header, COOKIE_HEADER_MAX, fillings[i], COOKIE_HEADER_MAX / 2);
		for (; cookie_next(&rest, &cookie); calls++) {
			const char *same = before;
			char end = *rest;

			assert_true(cookie.name >= before && cookie.name + cookie.len <= rest);
			assert_true(rest > before);
			header[rest - header] = '\0';
			assert_true(cookie_next(&same, &again));
			assert_memory_equal(&again, &cookie, sizeof(cookie));
			header[rest - header] = end;
			before = rest;
		}
		assert_true(calls >= 1 && calls <= COOKIE_HEADER_MAX / 2);
		assert_ptr_equal(rest, header + COOKIE_HEADER_MAX);
	}
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
	cookie_browser(value, true, got);
	assert_string_equal(got, offered);
	response_free(&r);
}

static void
opencode_gets_its_own_session_and_no_other(void **state)
{
	static const struct {
		const char *header, *session;
	} sessions[] = {
	    {NULL, ""},
	    {"", ""},
	    {" ; ;; ", ""},
	    {"__Host-opencode-callback=" TOKEN, ""},
	    {"opencode-callback=" TOKEN "; __Host-opencode-callback=x", ""},
	    {"_oauth2_proxy_0=secret; theme=dark", ""},
	    {"opencode_session=1.x", "opencode_session=1.x"},
	    {"a=1; opencode_session_8443=1.x; b=2", "opencode_session_8443=1.x"},
	    {"opencode_session_80=a;opencode_session=b",
	     "opencode_session_80=a; opencode_session=b"},
	    {"opencode_session_1=x; opencode-callback=" TOKEN, "opencode_session_1=x"},
	    {"opencode_sessionx=1; opencode_sessio=2; Opencode_Session=3; x_opencode_session=4",
	     ""},
	    {"a=opencode_session=1", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++) {
		struct buf out;

		buf_init(&out, COOKIE_SESSION_MAX);
		assert_int_equal(cookie_session(sessions[i].header, &out), ERR_OK);
		assert_string_equal(buf_text(&out), sessions[i].session);
		assert_int_equal(cookie_has_session(sessions[i].header), out.len > 0);
		buf_free(&out);
	}
}

/* One of full size fits. Of what is longer opencode gets nothing, rather than a part. */
static void
a_session_has_a_maximum(void **state)
{
	static char header[COOKIE_HEADER_MAX + 1];
	struct buf out;

	(void)state;
	for (size_t len = COOKIE_SESSION_MAX; len <= COOKIE_SESSION_MAX + 1; len++) {
		memset(header, 'x', len);
		memcpy(header, "opencode_session=", 17);
		memcpy(header + len, "; a=b", 6);
		buf_init(&out, COOKIE_SESSION_MAX);
		assert_int_equal(cookie_has_session(header), len == COOKIE_SESSION_MAX);
		assert_int_equal(cookie_session(header, &out),
				 len == COOKIE_SESSION_MAX ? ERR_OK : ERR_TOO_LARGE);
		buf_free(&out);
	}
}

static void
ours_never_reaches_opencode(void **state)
{
	static char header[HEADER_MAX + 2];
	struct buf out;

	(void)state;
	buf_init(&out, HEADER_MAX);
	assert_int_equal(cookie_others("a=1; __Host-opencode-callback=" TOKEN
				       "; b=2, c;opencode-callback=x; opencode_session=s",
				       &out),
			 ERR_OK);
	assert_string_equal(buf_text(&out), "a=1; b=2, c; opencode_session=s");
	buf_free(&out);
	memset(header, 'x', HEADER_MAX + 1);
	buf_init(&out, HEADER_MAX);
	assert_int_equal(cookie_others(header, &out), ERR_TOO_LARGE);
	buf_free(&out);
	header[HEADER_MAX] = '\0';
	buf_init(&out, HEADER_MAX);
	assert_int_equal(cookie_others(header, &out), ERR_OK);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_our_cookie),
	    cmocka_unit_test(any_number_is_passed_over),
	    cmocka_unit_test(each_byte_is_read_once),
	    cmocka_unit_test(an_offered_cookie_is_found_again),
	    cmocka_unit_test(opencode_gets_its_own_session_and_no_other),
	    cmocka_unit_test(a_session_has_a_maximum),
	    cmocka_unit_test(ours_never_reaches_opencode),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
