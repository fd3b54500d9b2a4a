#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/cgi.h"

#define VARS_MAX 8
#define MOUNT	 "/cgi-bin/opencode-callback.cgi"

static struct cgi_meta meta;
static struct request request;

static const struct {
	const char *vars[VARS_MAX];
	const char *path, *query, *mount;
	enum err err;
} paths[] = {
    {{"REQUEST_URI=/auth/callback?a=b", "QUERY_STRING=a=b"}, "/auth/callback", "a=b", "", ERR_OK},
    {{"REQUEST_URI=/a?b?c", "QUERY_STRING=b?c"}, "/a", "b?c", "", ERR_OK},
    {{"REQUEST_URI=/a?b=c"}, "/a", "b=c", "", ERR_OK},
    {{"REQUEST_URI=/a?b=c", "QUERY_STRING="}, "/a", "b=c", "", ERR_OK},
    {{"REQUEST_URI=/a"}, "/a", "", "", ERR_OK},
    {{"REQUEST_URI=/a%2Fb/../c//d"}, "/a%2Fb/../c//d", "", "", ERR_OK},
    {{"REQUEST_URI=http://h.example/a?b=c"}, "/a", "b=c", "", ERR_OK},
    {{"REQUEST_URI=HTTPS://h.example:1/a"}, "/a", "", "", ERR_OK},
    {{"REQUEST_URI=http://h.example?b=c"}, "/", "b=c", "", ERR_OK},
    {{"REQUEST_URI=http://h.example"}, "/", "", "", ERR_OK},
    {{"REQUEST_URI=*"}, "*", "", "", ERR_OK},
    {{"SCRIPT_NAME=/auth", "PATH_INFO=/callback", "QUERY_STRING=a"},
     "/auth/callback",
     "a",
     "",
     ERR_OK},
    {{"SCRIPT_NAME=/auth/callback"}, "/auth/callback", "", "", ERR_OK},
    {{"PATH_INFO=/auth/callback"}, "/auth/callback", "", "", ERR_OK},
    {{"QUERY_STRING=a"}, "", "a", "", ERR_REQUEST},
    {{"REQUEST_URI=", "SCRIPT_NAME=", "PATH_INFO="}, "", "", "", ERR_REQUEST},
    {{"REQUEST_URI=?a"}, "", "a", "", ERR_REQUEST},
    {{"REQUEST_URI=" MOUNT "/signin/?x", "SCRIPT_NAME=" MOUNT, "PATH_INFO=/signin/"},
     "/signin/",
     "x",
     MOUNT,
     ERR_OK},
    {{"SCRIPT_NAME=" MOUNT, "PATH_INFO=/signin/"}, "/signin/", "", MOUNT, ERR_OK},
    {{"SCRIPT_NAME=/f/opencode-callback.fcgi", "PATH_INFO=/a"},
     "/a",
     "",
     "/f/opencode-callback.fcgi",
     ERR_OK},
    {{"REQUEST_URI=" MOUNT, "SCRIPT_NAME=" MOUNT}, "", "", MOUNT, ERR_OK},
    /* rewritten inside the server: what the browser asked for is not below the program */
    {{"REQUEST_URI=/auth/callback", "SCRIPT_NAME=" MOUNT}, "/auth/callback", "", "", ERR_OK},
    {{"REQUEST_URI=" MOUNT "x/a", "SCRIPT_NAME=" MOUNT}, MOUNT "x/a", "", "", ERR_OK},
    /* no mount that would make a link leave this site */
    {{"REQUEST_URI=/" MOUNT "/a", "SCRIPT_NAME=/" MOUNT}, "/" MOUNT "/a", "", "", ERR_OK},
    {{"REQUEST_URI=/\\evil" MOUNT "/a", "SCRIPT_NAME=/\\evil" MOUNT},
     "/\\evil" MOUNT "/a",
     "",
     "",
     ERR_OK},
    {{"REQUEST_URI=/<b>" MOUNT "/a", "SCRIPT_NAME=/<b>" MOUNT}, "/<b>" MOUNT "/a", "", "", ERR_OK},
};

static void
the_path_is_cut_from_what_the_browser_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *vars[VARS_MAX + 2];
		size_t n = 0;

		vars[n++] = "REQUEST_METHOD=GET";
		for (; paths[i].vars[n - 1] != NULL; n++)
			vars[n] = paths[i].vars[n - 1];
		vars[n] = NULL;
		cgi_request(&meta, (char *const *)vars, &request);
		if (request.err != paths[i].err || strcmp(request.path, paths[i].path) != 0 ||
		    strcmp(request.query, paths[i].query) != 0 ||
		    strcmp(request.mount, paths[i].mount) != 0)
			fail_msg("row %zu: err %d path %s query %s mount %s", i, (int)request.err,
				 request.path, request.query, request.mount);
	}
}

static void
read_two(const char *a, const char *b)
{
	const char *vars[] = {"REQUEST_METHOD=GET", "REQUEST_URI=/", a, b, NULL};

	cgi_request(&meta, (char *const *)vars, &request);
}

static void
headers_reach_the_request(void **state)
{
	const char *vars[] = {"REQUEST_METHOD=POST",
			      "REQUEST_URI=/x",
			      "HTTP_HOST=h",
			      "HTTP_ORIGIN=https://h",
			      "HTTP_COOKIE=a=b; c=d",
			      "HTTP_AUTHORIZATION=Basic x",
			      "CONTENT_TYPE=text/plain",
			      "HTTP_ACCEPT=*/*",
			      "HTTP_SEC_FETCH_SITE=same-origin",
			      "HTTP_SEC_FETCH_DEST=document",
			      "HTTP_SEC_FETCH_MODE=navigate",
			      "HTTP_PURPOSE=prefetch",
			      "REMOTE_ADDR=127.0.0.1",
			      "HTTP_X_FORWARDED_FOR=192.0.2.1, 192.0.2.2",
			      "HTTP_X_FORWARDED_PROTO=https",
			      "HTTP_X_FORWARDED_HOST=f",
			      "HTTP_X_REAL_IP=192.0.2.3",
			      "HTTP_CF_CONNECTING_IP=192.0.2.4",
			      "HTTP_FORWARDED=for=192.0.2.5",
			      "HTTP_X_OPENCODE_DIRECTORY=%2Fa",
			      "HTTP_X_OPENCODE_=x",
			      "HTTP_PROXY=http://evil",
			      "NOTHING",
			      "=x",
			      NULL};

	(void)state;
	cgi_request(&meta, (char *const *)vars, &request);
	assert_int_equal(request.err, ERR_OK);
	assert_string_equal(request.method, "POST");
	assert_string_equal(request.host, "h");
	assert_string_equal(request.origin, "https://h");
	assert_string_equal(request.cookie, "a=b; c=d");
	assert_string_equal(request.authorization, "Basic x");
	assert_string_equal(request.content_type, "text/plain");
	assert_string_equal(request.accept, "*/*");
	assert_string_equal(request.sec_fetch_site, "same-origin");
	assert_string_equal(request.sec_fetch_dest, "document");
	assert_string_equal(request.sec_fetch_mode, "navigate");
	assert_string_equal(request.sec_purpose, "prefetch");
	assert_string_equal(request.remote_addr, "127.0.0.1");
	assert_string_equal(request.x_forwarded_for, "192.0.2.1, 192.0.2.2");
	assert_string_equal(request.x_forwarded_proto, "https");
	assert_string_equal(request.x_forwarded_host, "f");
	assert_string_equal(request.x_real_ip, "192.0.2.3");
	assert_string_equal(request.cf_connecting_ip, "192.0.2.4");
	assert_string_equal(request.forwarded, "for=192.0.2.5");
	assert_int_equal(request.x_opencode_count, 1);
	assert_string_equal(request.x_opencode[0].name, "x-opencode-directory");
	assert_string_equal(request.x_opencode[0].value, "%2Fa");
	assert_int_equal(request.content_length, -1);
	assert_false(request.https);

	read_two("HTTP_HOST=", "HTTP_ORIGIN=");
	assert_null(request.host);
	assert_null(request.origin);
	assert_string_equal(request.remote_addr, "");
	read_two("HTTP_HOST=a", "HTTP_HOST=b");
	assert_string_equal(request.host, "b");
	read_two("HTTP_SEC_PURPOSE=new", "HTTP_PURPOSE=old");
	assert_string_equal(request.sec_purpose, "new");
}

static void
https_is_what_the_server_says(void **state)
{
	static const struct {
		const char *var;
		bool https;
	} rows[] = {{"HTTPS=on", true},
		    {"HTTPS=ON", true},
		    {"HTTPS=1", true},
		    {"HTTPS=off", false},
		    {"HTTPS=", false},
		    {"REQUEST_SCHEME=https", true},
		    {"REQUEST_SCHEME=http", false},
		    {"HTTP_HTTPS=on", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		read_two(rows[i].var, NULL);
		if (request.https != rows[i].https)
			fail_msg("%s", rows[i].var);
	}
}

static void
content_length_is_digits(void **state)
{
	static const struct {
		const char *var;
		int64_t length;
		enum err err;
	} rows[] = {{"CONTENT_LENGTH=0", 0, ERR_OK},
		    {"CONTENT_LENGTH=15", 15, ERR_OK},
		    {"CONTENT_LENGTH=", -1, ERR_OK},
		    {"CONTENT_LENGTH=999999999999999999", 999999999999999999, ERR_OK},
		    {"CONTENT_LENGTH=9999999999999999999", -1, ERR_REQUEST},
		    {"CONTENT_LENGTH=-1", -1, ERR_OK},
		    {"CONTENT_LENGTH=-2", -1, ERR_REQUEST},
		    {"CONTENT_LENGTH=-10", -1, ERR_REQUEST},
		    {"CONTENT_LENGTH=+1", -1, ERR_REQUEST},
		    {"CONTENT_LENGTH= 1", -1, ERR_REQUEST},
		    {"CONTENT_LENGTH=1, 1", -1, ERR_REQUEST},
		    {"CONTENT_LENGTH=0x10", -1, ERR_REQUEST}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		read_two(rows[i].var, NULL);
		if (request.content_length != rows[i].length || request.err != rows[i].err)
			fail_msg("%s: %lld, error %d", rows[i].var,
				 (long long)request.content_length, (int)request.err);
	}
	read_two("HTTP_TRANSFER_ENCODING=chunked", NULL);
	assert_true(meta.chunked);
	read_two("HTTP_TRANSFER_ENCODING=chunked", "CONTENT_LENGTH=3");
	assert_false(meta.chunked);
}

/* NAME= and len times x. */
static char *
long_variable(const char *name, size_t len)
{
	size_t name_len = strlen(name);
	char *text = malloc(name_len + len + 1);

	assert_non_null(text);
	memcpy(text, name, name_len);
	memset(text + name_len, 'x', len);
	text[name_len + len] = '\0';
	return text;
}

static void
nothing_is_cut_short(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		enum err err;
	} rows[] = {{"HTTP_COOKIE=", COOKIE_HEADER_MAX, ERR_OK},
		    {"HTTP_COOKIE=", COOKIE_HEADER_MAX + 1, ERR_HEADER_LONG},
		    {"HTTP_COOKIE=", 1 << 20, ERR_HEADER_LONG},
		    {"HTTP_PURPOSE=", HEADER_MAX + 1, ERR_HEADER_LONG},
		    {"HTTP_X_FORWARDED_FOR=", HEADER_MAX, ERR_OK},
		    {"HTTP_X_FORWARDED_FOR=", HEADER_MAX + 1, ERR_HEADER_LONG},
		    {"HTTP_FORWARDED=", HEADER_MAX + 1, ERR_HEADER_LONG},
		    {"HTTP_X_OPENCODE_A=", HEADER_MAX + 1, ERR_HEADER_LONG},
		    {"HTTP_X_UNKNOWN=", 1 << 20, ERR_OK},
		    {"REQUEST_URI=/", CGI_PATH_MAX - 1, ERR_OK},
		    {"REQUEST_URI=/", CGI_PATH_MAX, ERR_PATH},
		    {"REQUEST_URI=/?", 1 << 20, ERR_OK},
		    {"REQUEST_METHOD=", 5000, ERR_OK}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = long_variable(rows[i].name, rows[i].len);

		read_two(text, NULL);
		if (request.err != rows[i].err)
			fail_msg("%s %zu: error %d", rows[i].name, rows[i].len, (int)request.err);
		free(text);
	}
	{
		char *text = long_variable("HTTP_COOKIE=", COOKIE_HEADER_MAX);

		read_two(text, NULL);
		assert_int_equal(strlen(request.cookie), COOKIE_HEADER_MAX);
		free(text);
	}
}

/* As nginx before 1.23 and HAProxy hand on several lines. */
static void
several_cookie_variables_are_joined(void **state)
{
	const char *vars[] = {"HTTP_COOKIE=a=b",
			      "REQUEST_METHOD=GET",
			      "HTTP_COOKIE=c=d; e=f",
			      "HTTP_COOKIE=",
			      "REQUEST_URI=/",
			      "HTTP_COOKIE=g",
			      NULL};
	char *half = long_variable("HTTP_COOKIE=", COOKIE_HEADER_MAX / 2);
	char *rest = long_variable("HTTP_COOKIE=", COOKIE_HEADER_MAX / 2 - 2);

	(void)state;
	cgi_request(&meta, (char *const *)vars, &request);
	assert_int_equal(request.err, ERR_OK);
	assert_string_equal(request.cookie, "a=b; c=d; e=f; g");
	read_two("HTTP_COOKIE=x", NULL);
	assert_string_equal(request.cookie, "x");
	read_two(half, rest);
	assert_int_equal(request.err, ERR_OK);
	assert_int_equal(strlen(request.cookie), COOKIE_HEADER_MAX);
	read_two(half, half);
	assert_int_equal(request.err, ERR_HEADER_LONG);
	read_two("HTTP_COOKIE=x", "HTTP_COOKIE=y\n");
	assert_int_equal(request.err, ERR_REQUEST);
	free(half);
	free(rest);
}

static void
too_many_opencode_headers_are_refused(void **state)
{
	const char *vars[REQUEST_X_MAX + 4] = {"REQUEST_METHOD=GET", "REQUEST_URI=/"};
	char names[REQUEST_X_MAX + 1][32];
	size_t i;

	(void)state;
	for (i = 0; i <= REQUEST_X_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "HTTP_X_OPENCODE_N%zu=v", i);
		vars[2 + i] = names[i];
	}
	cgi_request(&meta, (char *const *)vars, &request);
	assert_int_equal(request.err, ERR_HEADER_LONG);
	vars[1 + i] = NULL;
	cgi_request(&meta, (char *const *)vars, &request);
	assert_int_equal(request.err, ERR_OK);
	assert_int_equal(request.x_opencode_count, REQUEST_X_MAX);
	read_two("HTTP_X_OPENCODE_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=v",
		 NULL);
	assert_int_equal(request.err, ERR_HEADER_LONG);
}

static void
a_control_byte_in_a_header_is_refused(void **state)
{
	(void)state;
	read_two("HTTP_AUTHORIZATION=Basic x\r\nX: y", NULL);
	assert_int_equal(request.err, ERR_REQUEST);
	assert_null(request.authorization);
	read_two("HTTP_X_OPENCODE_A=\n", NULL);
	assert_int_equal(request.err, ERR_REQUEST);
	read_two("HTTP_COOKIE=a\tb", NULL);
	assert_int_equal(request.err, ERR_OK);
}

static void
no_method_is_an_error(void **state)
{
	const char *vars[] = {"REQUEST_URI=/", NULL};

	(void)state;
	cgi_request(&meta, (char *const *)vars, &request);
	assert_int_equal(request.err, ERR_REQUEST);
	assert_string_equal(request.method, "");
	assert_string_equal(request.path, "/");
}

static void
a_response_becomes_bytes(void **state)
{
	struct response r;
	struct buf out;

	(void)state;
	response_init(&r);
	buf_init(&out, CGI_BYTES_MAX);
	response_start(&r, 200);
	response_header(&r, "A", "b");
	buf_puts(&r.body, "hello");
	assert_int_equal(cgi_response(&r, &out), ERR_OK);
	assert_string_equal(buf_text(&out),
			    "Status: 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello");
	buf_free(&out);
	r.head_only = true;
	assert_int_equal(cgi_response(&r, &out), ERR_OK);
	assert_string_equal(buf_text(&out), "Status: 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\n");
	buf_free(&out);

	response_header(&r, "A", "b\nSet-Cookie: x");
	assert_int_equal(cgi_response(&r, &out), ERR_OK);
	assert_non_null(strstr(buf_text(&out), "Status: 500 "));
	assert_non_null(strstr(buf_text(&out), "Content-Security-Policy: "));
	assert_null(strstr(buf_text(&out), "Set-Cookie"));
	buf_free(&out);

	r.head_only = false;
	response_start(&r, 200);
	r.body.err = ERR_TOO_LARGE;
	assert_int_equal(cgi_response(&r, &out), ERR_OK);
	assert_non_null(strstr(buf_text(&out), "Status: 500 "));
	buf_free(&out);
	response_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_path_is_cut_from_what_the_browser_sent),
	    cmocka_unit_test(headers_reach_the_request),
	    cmocka_unit_test(https_is_what_the_server_says),
	    cmocka_unit_test(content_length_is_digits),
	    cmocka_unit_test(nothing_is_cut_short),
	    cmocka_unit_test(several_cookie_variables_are_joined),
	    cmocka_unit_test(too_many_opencode_headers_are_refused),
	    cmocka_unit_test(a_control_byte_in_a_header_is_refused),
	    cmocka_unit_test(no_method_is_an_error),
	    cmocka_unit_test(a_response_becomes_bytes),
	};

	return cmocka_run_group_tests_name("cgi", tests, NULL, NULL);
}
