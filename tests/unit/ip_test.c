#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/ip.h"

static const struct {
	const char *text;
	const char *want; /* the address in its short form, "" if it is none */
} addresses[] = {
    {"192.0.2.1", "192.0.2.1"},
    {"::1", "::1"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::FFFF:c000:201", "192.0.2.1"},
    {"::192.0.2.1", "::192.0.2.1"},
    {"0.0.0.0", "0.0.0.0"},
    {"", ""},
    {"192.0.2", ""},
    {"192.0.2.1.", ""},
    {"192.0.2.01", ""},
    {"192.0.2.256", ""},
    {" 192.0.2.1", ""},
    {"192.0.2.1 ", ""},
    {"0x7f.0.0.1", ""},
    {"3221225985", ""},
    {"192.0.2.1/32", ""},
    {"192.0.2.1:80", ""},
    {"[::1]", ""},
    {"::1::", ""},
    {"fe80::1%eth0", ""},
    {"1:2:3:4:5:6:7:8:9", ""},
    {"localhost", ""},
    {"unix:", ""},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2550", ""},
};

static void
an_address_has_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		char got[IP_TEXT_MAX + 1] = "";
		struct ip ip;

		if (ip_read(addresses[i].text, strlen(addresses[i].text), &ip))
			ip_write(&ip, got);
		if (strcmp(got, addresses[i].want) != 0)
			fail_msg("%s: got %s", addresses[i].text, got);
	}
}

static const struct {
	const char *text;
	const char *want; /* with IPv6 in brackets only */
	const char *bare; /* where it may stand without */
} nodes[] = {
    {"192.0.2.1", "192.0.2.1", "192.0.2.1"},
    {"192.0.2.1:4711", "192.0.2.1", "192.0.2.1"},
    {"192.0.2.1:_hidden", "192.0.2.1", "192.0.2.1"},
    {"[2001:db8::1]", "2001:db8::1", "2001:db8::1"},
    {"[2001:db8::1]:4711", "2001:db8::1", "2001:db8::1"},
    {"[::ffff:192.0.2.1]:1", "192.0.2.1", "192.0.2.1"},
    {"2001:db8::1", "", "2001:db8::1"},
    {"::ffff:192.0.2.1", "", "192.0.2.1"},
    {"", "", ""},
    {"192.0.2.1:", "", ""},
    {"192.0.2.1:123456", "", ""},
    {"192.0.2.1:-1", "", ""},
    {"192.0.2.1:_", "", ""},
    {"192.0.2.1:8x", "", ""},
    {"[192.0.2.1]", "", ""},
    {"[2001:db8::1", "", ""},
    {"2001:db8::1]", "", ""},
    {"[2001:db8::1]4711", "", ""},
    {"[2001:db8::1]]:1", "", ""},
    {"[[2001:db8::1]]", "", ""},
    {"[]", "", ""},
    {"[", "", ""},
    {"[]:1", "", ""},
    {"unknown", "", ""},
    {"_hidden", "", ""},
    {"192.0.2.1 192.0.2.2", "", ""},
    {"\"192.0.2.1\"", "", ""},
};

static void
a_node_may_have_a_port(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(nodes) / sizeof(nodes[0]); i++) {
		const char *text = nodes[i / 2].text,
			   *want = i % 2 == 0 ? nodes[i / 2].want : nodes[i / 2].bare;
		/* not terminated: what lies behind the length is another's */
		char *copy = malloc(strlen(text) + 1), got[IP_TEXT_MAX + 1] = "";
		struct ip ip;

		memcpy(copy, text, strlen(text));
		copy[strlen(text)] = '9';
		if (ip_read_node(copy, strlen(text), i % 2 == 1, &ip))
			ip_write(&ip, got);
		free(copy);
		if (strcmp(got, want) != 0)
			fail_msg("%s: got %s", text, got);
	}
}

static const struct {
	const char *range;
	const char *in, *out; /* "": no such address */
} ranges[] = {
    {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
    {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
    {"10.0.0.0/8", "::ffff:10.0.0.1", "9.255.255.255"},
    {"172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
    {"192.0.2.128/25", "192.0.2.255", "192.0.2.127"},
    {"192.0.2.0/31", "192.0.2.1", "192.0.2.2"},
    {"::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.0"},
    {"2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
    {"fc00::/7", "fdff::1", "fe00::1"},
    {"::1", "::1", "127.0.0.1"},
    {"::/1", "::2", "192.0.2.1"},
    {"::/80", "::1", "192.0.2.1"},
    {"0.0.0.0/1", "127.255.255.255", "128.0.0.0"},
    {"128.0.0.0/1", "192.0.2.1", "::1"},
};

static void
a_range_ends_with_its_length(void **state)
{
	static const char *const rows[] = {"10.0.0.0/8", "10.0.0.0/", "10.0.0.0", "::/1"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i]);
		char *copy = malloc(len);
		struct ip_range range;

		memcpy(copy, rows[i], len);
		if (ip_range_read(copy, len, &range) != (rows[i][len - 1] != '/'))
			fail_msg("%s", rows[i]);
		free(copy);
	}
}

static struct ip
address(const char *text)
{
	struct ip ip;

	assert_true(ip_read(text, strlen(text), &ip));
	return ip;
}

static void
a_range_holds_what_its_prefix_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct ip in = address(ranges[i].in), out = address(ranges[i].out);
		struct ip_range range;

		if (!ip_range_read(ranges[i].range, strlen(ranges[i].range), &range) ||
		    ip_range_cut(&range) || !ip_range_has(&range, &in) ||
		    ip_range_has(&range, &out))
			fail_msg("%s", ranges[i].range);
	}
}

static void
the_group_of_an_address_is_its_64(void **state)
{
	static const char *const rows[][2] = {
	    {"192.0.2.1", "192.0.2.1"},
	    {"::ffff:192.0.2.1", "192.0.2.1"},
	    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
	    {"2001:db8:1:2::", "2001:db8:1:2::/64"},
	    {"2001:db8:1:3::1", "2001:db8:1:3::/64"},
	    {"::1", "::/64"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip ip = address(rows[i][0]);
		char got[IP_RANGE_TEXT_MAX + 1];

		ip_write_group(&ip, got);
		assert_string_equal(got, rows[i][1]);
	}
}

static void
loopback_is_127_and_one(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {{"127.0.0.1", true},   {"127.255.255.255", true}, {"::ffff:127.0.0.1", true},
		    {"::1", true},	   {"128.0.0.1", false},      {"::2", false},
		    {"::127.0.0.1", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip ip = address(rows[i].text);

		if (ip_is_loopback(&ip) != rows[i].want)
			fail_msg("%s", rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_address_has_one_form),
	    cmocka_unit_test(a_node_may_have_a_port),
	    cmocka_unit_test(a_range_ends_with_its_length),
	    cmocka_unit_test(a_range_holds_what_its_prefix_says),
	    cmocka_unit_test(the_group_of_an_address_is_its_64),
	    cmocka_unit_test(loopback_is_127_and_one),
	};

	return cmocka_run_group_tests_name("ip", tests, NULL, NULL);
}
