#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/site.h"

#include "core/same_origin.h"

/* One row: what is configured, what arrived, what follows. */
static const struct {
	const char *url;
	const char *host;
	bool https;
	const char *fetch_site;
	const char *origin_header;
	enum err want;
	const char *origin;
	bool usable;
	bool same, cross;
} rows[] = {
    /* detected */
    {"", "opencode.example.com", true, NULL, NULL, ERR_OK, "https://opencode.example.com", true,
     false, false},
    {"", "opencode.example.com", false, NULL, NULL, ERR_OK, "http://opencode.example.com", false,
     false, false},
    {"", "opencode.example.com", false, "none", NULL, ERR_OK, "https://opencode.example.com", true,
     false, false},
    {"", "127.0.0.1:8080", false, "same-origin", NULL, ERR_OK, "http://127.0.0.1:8080", true, true,
     false},
    {"", "localhost:8080", false, NULL, NULL, ERR_OK, "http://localhost:8080", true, false, false},
    {"", "[::1]:8080", false, NULL, NULL, ERR_OK, "http://[::1]:8080", true, false, false},
    /* a Host without its port: a same-origin begin's Origin is the whole truth */
    {"", "127.0.0.1", false, "same-origin", "http://127.0.0.1:8080", ERR_OK,
     "http://127.0.0.1:8080", true, true, false},
    {"", "127.0.0.1", false, NULL, "http://127.0.0.1:8080", ERR_OK, "http://127.0.0.1", true, true,
     false},
    {"", "a.example", true, "same-origin", "https://b.example", ERR_OK, "https://a.example", true,
     true, false},
    {"", "a.example", true, "cross-site", "https://b.example", ERR_OK, "https://a.example", true,
     false, true},
    {"", "a.example", true, "same-site", NULL, ERR_OK, "https://a.example", true, false, true},
    {"", "a.example", true, NULL, "https://b.example", ERR_OK, "https://a.example", true, false,
     true},
    {"", "a.example", true, NULL, "null", ERR_OK, "https://a.example", true, false, true},
    {"", "a.example", true, NULL, "http://a.example", ERR_OK, "https://a.example", true, false,
     true},
    {"", NULL, true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a:b:c", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example/x", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example:123456", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example:65535", true, NULL, NULL, ERR_OK, "https://a.example:65535", true, false,
     false},
    {"", "a.example:65536", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example:0", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example:0443", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example:-1", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example:443x", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "u@a.example", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example@b.example", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example,b.example", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", " a.example", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example\\x", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "a.example#", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "%61.example", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "\xc3\xa4.example", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[::1", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "::1", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[]", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[:]", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[.]", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[127.0.0.1]", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[::1]x", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[fe80::1%25eth0]", true, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"", "[2001:db8::1]:443", true, NULL, NULL, ERR_OK, "https://[2001:db8::1]", true, false,
     false},
    /* configured */
    {"https://a.example", "a.example", false, NULL, NULL, ERR_OK, "https://a.example", true, false,
     false},
    {"https://a.example", "A.Example", false, NULL, NULL, ERR_OK, "https://a.example", true, false,
     false},
    {"https://a.example:8443", "a.example", false, NULL, NULL, ERR_OK, "https://a.example:8443",
     true, false, false},
    {"https://a.example:8443", "a.example:9", false, NULL, NULL, ERR_HOST, NULL, false, false,
     false},
    {"https://a.example", "b.example", false, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"https://a.example", "a.example.", false, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"https://a.example", "u@a.example", false, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"https://a.example", "a.example.evil", false, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"https://a.example", "", false, NULL, NULL, ERR_HOST, NULL, false, false, false},
    {"https://a.example", "a.example", false, NULL, "https://a.example", ERR_OK,
     "https://a.example", true, true, false},
    {"https://a.example", "a.example", false, NULL, "https://a.example:8443", ERR_OK,
     "https://a.example", true, false, true},
};

static void
finds_what_the_table_says(void **state)
{
	struct config *config = calloc(1, sizeof(*config));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request r = {.method = "GET",
				    .path = "/",
				    .query = "",
				    .mount = "",
				    .host = rows[i].host,
				    .https = rows[i].https,
				    .sec_fetch_site = rows[i].fetch_site,
				    .origin = rows[i].origin_header};
		struct site site;
		enum err got;

		config->opencode_count = 1;
		snprintf(config->opencode[0].url, sizeof(config->opencode[0].url), "%s",
			 rows[i].url);
		got = site_find(config, &r, &site);
		if (got != rows[i].want)
			fail_msg("row %zu: got %s", i, error_name(got));
		if (got != ERR_OK)
			continue;
		if (strcmp(site.origin, rows[i].origin) != 0 || site.usable != rows[i].usable)
			fail_msg("row %zu: origin %s, usable %d", i, site.origin, site.usable);
		if (same_origin_is(&site, &r) != rows[i].same ||
		    same_origin_cross_site(&site, &r) != rows[i].cross)
			fail_msg("row %zu: same-origin or cross-site is wrong", i);
	}
	free(config);
}

static void
chooses_among_several_by_host(void **state)
{
	struct config *config = calloc(1, sizeof(*config));
	struct request r = {.host = "b.example", .method = "GET"};
	struct site site;

	(void)state;
	config->opencode_count = 2;
	snprintf(config->opencode[0].url, sizeof(config->opencode[0].url), "https://a.example");
	snprintf(config->opencode[1].url, sizeof(config->opencode[1].url), "https://b.example");
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_ptr_equal(site.opencode, &config->opencode[1]);
	/* the same name on two ports: the port decides where there is one */
	snprintf(config->opencode[0].url, sizeof(config->opencode[0].url),
		 "https://b.example:8443");
	r.host = "b.example:8443";
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_ptr_equal(site.opencode, &config->opencode[0]);
	r.host = "b.example";
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_ptr_equal(site.opencode, &config->opencode[1]);
	r.host = "c.example";
	assert_int_equal(site_find(config, &r, &site), ERR_HOST);
	free(config);
}

/* No url, Host: inner.example, plain http: what a proxy says of all that. */
static const struct {
	const char *peer; /* loopback is trusted */
	const char *proto, *host, *forwarded;
	enum config_proxy_header header;
	const char *want;
} proxies[] = {
    {"127.0.0.1", "https", NULL, NULL, 0, "https://inner.example"},
    {"127.0.0.1", "HTTPS", NULL, NULL, 0, "https://inner.example"},
    {"127.0.0.1", "http", NULL, NULL, 0, "http://inner.example"},
    {"127.0.0.1", "http, https", NULL, NULL, 0, "https://inner.example"},
    {"127.0.0.1", "https, http", NULL, NULL, 0, "http://inner.example"},
    {"127.0.0.1", "https,", NULL, NULL, 0, "http://inner.example"},
    {"127.0.0.1", "wss", NULL, NULL, 0, "http://inner.example"},
    {"127.0.0.1", "https://", NULL, NULL, 0, "http://inner.example"},
    {"127.0.0.1", NULL, "a.example", NULL, 0, "http://a.example"},
    {"127.0.0.1", "https", "A.example", NULL, 0, "https://a.example"},
    {"127.0.0.1", "https", "a.example:8443", NULL, 0, "https://a.example:8443"},
    {"127.0.0.1", "https", "a.example:443", NULL, 0, "https://a.example"},
    {"127.0.0.1", "https", "evil.example, a.example", NULL, 0, "https://a.example"},
    {"127.0.0.1", "https", "a.example, ", NULL, 0, "https://inner.example"},
    {"127.0.0.1", "https", "a.example/x", NULL, 0, "https://inner.example"},
    {"127.0.0.1", "https", "a b", NULL, 0, "https://inner.example"},
    {"127.0.0.1", "https", "user@a.example", NULL, 0, "https://inner.example"},
    {"127.0.0.1", "https", "a:b:c", NULL, 0, "https://inner.example"},
    {"::1", "https", "a.example", NULL, 0, "https://a.example"},
    {"127.0.0.1", "https", "a.example", NULL, PROXY_CF_CONNECTING_IP, "https://a.example"},
    /* nobody else is believed */
    {"203.0.113.1", "https", "evil.example", "proto=https;host=evil.example", 0,
     "http://inner.example"},
    {"203.0.113.1", "https", "evil.example", "proto=https;host=evil.example", PROXY_FORWARDED,
     "http://inner.example"},
    {"unix:", "https", "evil.example", NULL, 0, "http://inner.example"},
    {"", "https", "evil.example", NULL, 0, "http://inner.example"},
    {"@", "https", "evil.example", NULL, 0, "http://inner.example"},
    /* Forwarded in their place */
    {"127.0.0.1", "http", "evil.example", "for=1.2.3.4;proto=https;host=a.example", PROXY_FORWARDED,
     "https://a.example"},
    {"127.0.0.1", "https", "evil.example", NULL, PROXY_FORWARDED, "http://inner.example"},
    {"127.0.0.1", NULL, NULL, "proto=https;host=a.example", 0, "http://inner.example"},
    {"127.0.0.1", NULL, NULL, "host=evil.example;proto=http, proto=https;host=\"a.example:8443\"",
     PROXY_FORWARDED, "https://a.example:8443"},
    {"127.0.0.1", NULL, NULL, "host=evil.example;proto=https, for=1.2.3.4", PROXY_FORWARDED,
     "http://inner.example"},
    {"127.0.0.1", NULL, NULL, "proto=https;host=\"a.example", PROXY_FORWARDED,
     "http://inner.example"},
    {"127.0.0.1", NULL, NULL, "for=\";proto=https;host=a.example", PROXY_FORWARDED,
     "http://inner.example"},
    {"127.0.0.1", NULL, NULL, "proto=https;host=\"a.example/x\"", PROXY_FORWARDED,
     "https://inner.example"},
};

static void
a_trusted_proxy_says_where_the_browser_is(void **state)
{
	struct config *config = calloc(1, sizeof(*config));
	char why[128];

	(void)state;
	config->opencode_count = 1;
	assert_true(trusted_proxies_add(&config->trust, "loopback", why, sizeof(why)));
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		struct request r = {.method = "GET",
				    .host = "inner.example",
				    .remote_addr = proxies[i].peer,
				    .x_forwarded_proto = proxies[i].proto,
				    .x_forwarded_host = proxies[i].host,
				    .forwarded = proxies[i].forwarded};
		struct site site;

		config->proxy_header = proxies[i].header;
		assert_int_equal(site_find(config, &r, &site), ERR_OK);
		if (strcmp(site.origin, proxies[i].want) != 0)
			fail_msg("row %zu: %s", i, site.origin);
		if (site.secure != (strncmp(proxies[i].want, "https", 5) == 0))
			fail_msg("row %zu: secure %d", i, site.secure);
	}
	free(config);
}

static void
what_proxies_say_has_its_place(void **state)
{
	struct config *config = calloc(1, sizeof(*config));
	struct request r = {.method = "GET",
			    .host = "127.0.0.1:8080",
			    .remote_addr = "127.0.0.1",
			    .x_forwarded_proto = "http",
			    .x_forwarded_host = "a.example"};
	struct site site;
	char why[128], long_host[ORIGIN_MAX + 2];

	(void)state;
	config->opencode_count = 1;
	assert_true(trusted_proxies_add(&config->trust, "loopback", why, sizeof(why)));
	/* a trusted proxy's http counts before the browser's hint, a same-origin Origin before all
	 */
	r.sec_fetch_site = "same-origin";
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_string_equal(site.origin, "http://a.example");
	assert_false(site.usable);
	r.origin = "https://a.example:8443";
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_string_equal(site.origin, "https://a.example:8443");
	r.x_forwarded_proto = NULL;
	r.origin = NULL;
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_string_equal(site.origin, "https://a.example");
	/* the Host header is not needed then, and counts again where the other is worth nothing */
	r.host = NULL;
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	r.x_forwarded_host = "a/b";
	assert_int_equal(site_find(config, &r, &site), ERR_HOST);
	memset(long_host, 'a', sizeof(long_host));
	long_host[sizeof(long_host) - 1] = '\0';
	r.x_forwarded_host = long_host;
	assert_int_equal(site_find(config, &r, &site), ERR_HOST);

	/* a configured url is the origin, whatever the scheme; the host chooses among several */
	snprintf(config->opencode[0].url, sizeof(config->opencode[0].url), "https://a.example");
	snprintf(config->opencode[1].url, sizeof(config->opencode[1].url), "https://b.example");
	r.host = "127.0.0.1:8080";
	r.x_forwarded_proto = "http";
	r.x_forwarded_host = "a.example";
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_string_equal(site.origin, "https://a.example");
	config->opencode_count = 2;
	r.x_forwarded_host = "a.example, b.example";
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_ptr_equal(site.opencode, &config->opencode[1]);
	assert_string_equal(site.origin, "https://b.example");
	r.x_forwarded_host = "evil.example";
	r.host = "a.example";
	assert_int_equal(site_find(config, &r, &site), ERR_HOST);
	/* not trusted: Host decides */
	r.remote_addr = "203.0.113.1";
	r.x_forwarded_host = "b.example";
	assert_int_equal(site_find(config, &r, &site), ERR_OK);
	assert_ptr_equal(site.opencode, &config->opencode[0]);
	free(config);
}

static void
an_origin_does_not_name_its_own_port(void **state)
{
	char out[ORIGIN_MAX + 1];

	(void)state;
	assert_true(origin_read("https://A.example:443/", out));
	assert_string_equal(out, "https://a.example");
	assert_true(origin_read("http://localhost:80", out));
	assert_string_equal(out, "http://localhost");
	assert_true(origin_read("https://a.example:80", out));
	assert_string_equal(out, "https://a.example:80");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_the_table_says),
	    cmocka_unit_test(chooses_among_several_by_host),
	    cmocka_unit_test(a_trusted_proxy_says_where_the_browser_is),
	    cmocka_unit_test(what_proxies_say_has_its_place),
	    cmocka_unit_test(an_origin_does_not_name_its_own_port),
	};

	return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
