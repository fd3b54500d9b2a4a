#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "core/client.h"

static struct config config; /* too large for the stack */

#define PROXY "192.0.2.10" /* trusted, with 10.0.0.0/8, 2001:db8:f::/48 and Unix sockets */

/* X-Forwarded-For is the header that is configured. */
static const struct {
	const char *peer;
	const char *header;
	const char *want;
} lists[] = {
    {PROXY, NULL, PROXY},
    {PROXY, "203.0.113.1", "203.0.113.1"},
    {PROXY, "203.0.113.66, 203.0.113.1", "203.0.113.1"},
    {PROXY, "203.0.113.66, 203.0.113.1, 10.0.0.1, " PROXY, "203.0.113.1"},
    {PROXY, "203.0.113.66,203.0.113.1 ,\t10.0.0.1", "203.0.113.1"},
    {PROXY, "2001:db8:1::1", "2001:db8:1::1"},
    {PROXY, "2001:DB8:1:0::1", "2001:db8:1::1"},
    {PROXY, "[2001:db8:1::1]:4711", "2001:db8:1::1"},
    {PROXY, "203.0.113.1:4711", "203.0.113.1"},
    {PROXY, "::ffff:203.0.113.1", "203.0.113.1"},
    {PROXY, "203.0.113.66, 203.0.113.1, ::ffff:10.0.0.1", "203.0.113.1"},
    {PROXY, "203.0.113.1, 2001:db8:f::1", "203.0.113.1"},
    {"::ffff:" PROXY, "203.0.113.1", "203.0.113.1"},
    {"2001:db8:f::1", "203.0.113.1", "203.0.113.1"},
    {"", "203.0.113.1", "203.0.113.1"},
    {NULL, "203.0.113.1", "203.0.113.1"},
    {"unix:", "203.0.113.1", "203.0.113.1"},
    /* all trusted: the peer */
    {PROXY, "10.0.0.1", PROXY},
    {PROXY, "10.0.0.2, 10.0.0.1", PROXY},
    {"unix:", "10.0.0.1", "unix:"},
    /* what is no address ends the search, at the peer */
    {PROXY, "garbage", PROXY},
    {PROXY, "203.0.113.1, garbage", PROXY},
    {PROXY, "203.0.113.1, garbage, 10.0.0.1", PROXY},
    {PROXY, "garbage, 203.0.113.1", "203.0.113.1"},
    {PROXY, "203.0.113.1, unknown", PROXY},
    {PROXY, "203.0.113.1, unix:", PROXY},
    {PROXY, "203.0.113.1,", PROXY},
    {PROXY, "203.0.113.1, ", PROXY},
    {PROXY, ",203.0.113.1", "203.0.113.1"},
    {PROXY, ",", PROXY},
    {PROXY, "203.0.113.1 203.0.113.2", PROXY},
    {PROXY, "203.0.113.1;203.0.113.2", PROXY},
    {PROXY, "203.0.113.256", PROXY},
    {PROXY, "0313.0.113.1", PROXY},
    {PROXY, "203.0.113.1/32", PROXY},
    {PROXY, "\"203.0.113.1\"", PROXY},
    {PROXY, "fe80::1%eth0", PROXY},
    {PROXY, "for=203.0.113.1", PROXY},
    {PROXY, "<script>", PROXY},
    /* nobody else is believed */
    {"203.0.113.9", "203.0.113.1", "203.0.113.9"},
    {"203.0.113.9", PROXY, "203.0.113.9"},
    {"127.0.0.1", "203.0.113.1", "127.0.0.1"},
    {"::1", "203.0.113.1", "::1"},
    {"2001:DB8:e::1", "203.0.113.1", "2001:db8:e::1"},
    {"::10.0.0.1", "203.0.113.1", "::10.0.0.1"},
    /* a peer whose form is unknown */
    {"fe80::1%eth0", "203.0.113.1", "fe80::1%eth0"},
    {"@", "203.0.113.1", "@"},
    {PROXY ":80", "203.0.113.1", PROXY ":80"},
    {"unix:/run/x", "203.0.113.1", "unix:/run/x"},
};

static const struct {
	const char *header;
	const char *want;
} standard[] = {
    {"for=203.0.113.1", "203.0.113.1"},
    {"for=203.0.113.66, for=203.0.113.1", "203.0.113.1"},
    {"for=203.0.113.66, for=203.0.113.1;proto=https, for=10.0.0.1", "203.0.113.1"},
    {"for=\"[2001:db8:1::1]:4711\";proto=https", "2001:db8:1::1"},
    {"for=\"203.0.113.1:_x\"", "203.0.113.1"},
    {"for=10.0.0.1", PROXY},
    /* hidden, unknown, nothing, not an address: the peer, but only if the search comes there */
    {"for=\"[2001:db8::1]:4711\";proto=https, for=_hidden", PROXY},
    {"for=203.0.113.1, for=unknown", PROXY},
    {"for=203.0.113.1, for=unknown, for=10.0.0.1", PROXY},
    {"for=203.0.113.1, proto=https", PROXY},
    {"for=203.0.113.1,", PROXY},
    {"for=203.0.113.1, for=\"2001:db8::1\"", PROXY},
    {"for=_hidden, for=203.0.113.1", "203.0.113.1"},
    {"for=unknown,, for=203.0.113.1", "203.0.113.1"},
    {"for=nonsense, for=203.0.113.1", "203.0.113.1"},
    /* malformed anywhere: worth nothing */
    {"for=203.0.113.1, for=\"203.0.113.2", PROXY},
    {"for=\"203.0.113.66, for=203.0.113.1", PROXY},
    {"for=\"203.0.113.66, for=203.0.113.1, for=\"203.0.113.2\"", PROXY},
    {"for=203.0.113.66;;=, for=203.0.113.1", PROXY},
    {"for=203.0.113.1; proto=https", PROXY},
    {"203.0.113.66, for=203.0.113.1", PROXY},
    {"203.0.113.1", PROXY},
    /* an element that pretends to be two */
    {"for=\"203.0.113.66, for=203.0.113.67\"", PROXY},
    {"for=203.0.113.1;x=\", for=203.0.113.66\"", "203.0.113.1"},
};

static bool
trust_read(const char *text, struct trusted_proxies *trust, char *why, size_t why_size)
{
	trusted_proxies_clear(trust);
	return trusted_proxies_add(trust, text, why, why_size);
}

static void
trust_the_proxy(enum config_proxy_header header)
{
	char why[128];

	config.proxy_header = header;
	assert_true(
	    trust_read(PROXY " 10.0.0.0/8 2001:db8:f::/48 unix", &config.trust, why, sizeof(why)));
}

static void
the_client_is_the_first_from_the_right(void **state)
{
	struct client client;

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct request r = {.remote_addr = lists[i].peer,
				    .x_forwarded_for = lists[i].header,
				    .x_real_ip = "203.0.113.77",
				    .cf_connecting_ip = "203.0.113.77",
				    .forwarded = "for=203.0.113.77"};

		trust_the_proxy(PROXY_X_FORWARDED_FOR);
		client_find(&config, &r, &client);
		if (strcmp(client.address, lists[i].want) != 0)
			fail_msg("%s, '%s': got %s", lists[i].peer, lists[i].header,
				 client.address);
	}
	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
		struct request r = {.remote_addr = PROXY,
				    .forwarded = standard[i].header,
				    .x_forwarded_for = "203.0.113.77"};

		trust_the_proxy(PROXY_FORWARDED);
		client_find(&config, &r, &client);
		if (strcmp(client.address, standard[i].want) != 0)
			fail_msg("'%s': got %s", standard[i].header, client.address);
	}
}

static void
of_four_headers_only_the_configured_one_counts(void **state)
{
	static const char *const want[] = {"203.0.113.1", "203.0.113.2", "203.0.113.3",
					   "203.0.113.4"};
	struct request r = {.remote_addr = PROXY,
			    .x_forwarded_for = "203.0.113.1",
			    .x_real_ip = "203.0.113.2",
			    .cf_connecting_ip = "203.0.113.3",
			    .forwarded = "for=203.0.113.4"};
	struct client client;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct request lacking = r;

		trust_the_proxy((enum config_proxy_header)i);
		client_find(&config, &r, &client);
		assert_string_equal(client.address, want[i]);
		*(i == 0   ? &lacking.x_forwarded_for
		  : i == 1 ? &lacking.x_real_ip
		  : i == 2 ? &lacking.cf_connecting_ip
			   : &lacking.forwarded) = NULL;
		client_find(&config, &lacking, &client);
		assert_string_equal(client.address, PROXY);
	}
}

static void
without_trust_no_header_changes_anything(void **state)
{
	static const char *const peers[] = {"203.0.113.9", "127.0.0.1", "::1", "10.0.0.1"};
	struct client client;
	char header[32];

	(void)state;
	memset(&config.trust, 0, sizeof(config.trust));
	for (int kind = 0; kind < 4; kind++)
		for (int i = 0; i < 200; i++) {
			struct request r = {.remote_addr = peers[i % 4],
					    .x_forwarded_for = header,
					    .x_real_ip = header,
					    .cf_connecting_ip = header,
					    .forwarded = header};

			config.proxy_header = (enum config_proxy_header)kind;
			snprintf(header, sizeof(header), "%s198.51.100.%d",
				 kind == PROXY_FORWARDED ? "for=" : "", i);
			client_find(&config, &r, &client);
			assert_string_equal(client.address, peers[i % 4]);
			assert_false(client_peer_trusted(&config, &r));
		}
}

static void
an_ipv6_subscriber_is_one_group(void **state)
{
	struct request r = {.remote_addr = PROXY};
	struct client client;
	char header[64];

	(void)state;
	trust_the_proxy(PROXY_X_FORWARDED_FOR);
	r.x_forwarded_for = header;
	for (int i = 0; i < 100; i++) {
		snprintf(header, sizeof(header), "2001:db8:1:2:%x::%x", i * 601, i);
		client_find(&config, &r, &client);
		assert_string_equal(client.group, "2001:db8:1:2::/64");
	}
	snprintf(header, sizeof(header), "::ffff:203.0.113.1");
	client_find(&config, &r, &client);
	assert_string_equal(client.group, "203.0.113.1");
	r.remote_addr = "2001:db8:5:6:7::8";
	client_find(&config, &r, &client);
	assert_string_equal(client.group, "2001:db8:5:6::/64");
	r.remote_addr = "fe80::1%eth0";
	client_find(&config, &r, &client);
	assert_string_equal(client.group, "fe80::1%eth0");
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The longest headers that there are, with as many ranges as there may be. */
static void
long_headers_cost_linear_time(void **state)
{
	static const char *const items[][2] = {
	    {"10.1.1.1,", "for=10.1.1.1,"}, {",", ","}, {"a,", "a=b,"}, {"\"", "a=\"\\\"\";"}};
	static char text[HEADER_MAX + 1];
	char why[128], ranges[TRUST_RANGES_MAX * 16];
	size_t len = 0;
	struct client client;
	double start;

	(void)state;
	for (int i = 0; i < TRUST_RANGES_MAX; i++)
		len +=
		    (size_t)snprintf(ranges + len, sizeof(ranges) - len, "10.1.%d.0/24 ", 255 - i);
	assert_true(trust_read(ranges, &config.trust, why, sizeof(why)));
	for (int i = 0; i < 8; i++) {
		const char *item = items[i / 2][i % 2];
		struct request r = {
		    .remote_addr = "10.1.1.1", .x_forwarded_for = text, .forwarded = text};

		for (len = 0; len + strlen(item) <= HEADER_MAX; len += strlen(item))
			memcpy(text + len, item, strlen(item) + 1);
		config.proxy_header = i % 2 == 0 ? PROXY_X_FORWARDED_FOR : PROXY_FORWARDED;
		start = seconds();
		for (int n = 0; n < 20; n++)
			client_find(&config, &r, &client);
		assert_string_equal(client.address, "10.1.1.1");
		if (seconds() - start > 2)
			fail_msg("'%s' costs %.0f ms", item, (seconds() - start) * 1000 / 20);
	}
}

static void
a_proxy_on_this_machine_is_noticed(void **state)
{
	static const struct {
		const char *peer;
		bool trusted; /* loopback and unix are */
		bool header;
		bool want;
	} rows[] = {
	    {"127.0.0.1", false, true, true},
	    {"::1", false, true, true},
	    {"::ffff:127.0.0.1", false, true, true},
	    {"unix:", false, true, true},
	    {"", false, true, true},
	    {"127.0.0.1", false, false, false},
	    {"203.0.113.1", false, true, false},
	    {"@", false, true, false},
	    {"127.0.0.1", true, true, false},
	    {"unix:", true, true, false},
	};
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int header = 0; header < 6; header++) {
			struct request r = {.remote_addr = rows[i].peer};
			const char **const all[] = {&r.x_forwarded_for,	 &r.x_forwarded_proto,
						    &r.x_forwarded_host, &r.x_real_ip,
						    &r.cf_connecting_ip, &r.forwarded};

			if (rows[i].header)
				*all[header] = "x";
			assert_true(trust_read(rows[i].trusted ? "loopback unix" : "",
					       &config.trust, why, sizeof(why)));
			if (client_proxy_ignored(&config, &r) != rows[i].want)
				fail_msg("row %zu", i);
		}
}

/* A web server may say anything of its peer: as it is in logs and on pages, one client each, or
 * nothing. */
static void
a_peer_that_is_no_address_is_taken_as_it_is(void **state)
{
	char name[FLOW_CLIENT_ADDRESS_MAX + 2];
	struct request r = {.remote_addr = name, .x_forwarded_for = "192.0.2.1"};
	struct client client;
	char why[128];

	(void)state;
	assert_true(trust_read("loopback unix", &config.trust, why, sizeof(why)));
	memset(name, 'x', sizeof(name));
	name[FLOW_CLIENT_ADDRESS_MAX] = '\0';
	client_find(&config, &r, &client);
	assert_string_equal(client.address, name);
	assert_string_equal(client.group, name);
	name[FLOW_CLIENT_ADDRESS_MAX] = 'x';
	name[FLOW_CLIENT_ADDRESS_MAX + 1] = '\0';
	client_find(&config, &r, &client);
	assert_string_equal(client.address, "");
	assert_string_equal(client.group, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_client_is_the_first_from_the_right),
	    cmocka_unit_test(of_four_headers_only_the_configured_one_counts),
	    cmocka_unit_test(without_trust_no_header_changes_anything),
	    cmocka_unit_test(an_ipv6_subscriber_is_one_group),
	    cmocka_unit_test(long_headers_cost_linear_time),
	    cmocka_unit_test(a_proxy_on_this_machine_is_noticed),
	    cmocka_unit_test(a_peer_that_is_no_address_is_taken_as_it_is),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
