#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/trusted_proxies.h"

static struct trusted_proxies trust;

static bool
read_anew(const char *text, char *why, size_t why_size)
{
	trusted_proxies_clear(&trust);
	return trusted_proxies_add(&trust, text, why, why_size);
}

static const struct {
	const char *text;
	const char *want; /* as it is written back; NULL: refused */
	const char *why;
} rows[] = {
    {"", "", NULL},
    {" , ", "", NULL},
    {"192.0.2.1", "192.0.2.1", NULL},
    {"192.0.2.1/32", "192.0.2.1", NULL},
    {"::1/128", "::1", NULL},
    {"10.0.0.0/8,192.0.2.1\t2001:DB8::/32", "10.0.0.0/8 192.0.2.1 2001:db8::/32", NULL},
    {"loopback", "127.0.0.0/8 ::1", NULL},
    {"unix loopback", "127.0.0.0/8 ::1 unix", NULL},
    {"private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7", NULL},
    {"unix", "unix", NULL},
    {"::ffff:10.0.0.0/104", "10.0.0.0/8", NULL},
    {"10.0.0.1/8", NULL, "10.0.0.1/8: the range is 10.0.0.0/8"},
    {"2001:db8::1/64", NULL, "2001:db8::1/64: the range is 2001:db8::/64"},
    {"0.0.0.0/0", NULL, "0.0.0.0/0: that is everybody"},
    {"::/0", NULL, "::/0: that is everybody"},
    {"::ffff:0.0.0.0/96", NULL, "::ffff:0.0.0.0/96: that is everybody"},
    {"10.0.0.0/33", NULL, "10.0.0.0/33: must be"},
    {"::/129", NULL, "::/129: must be"},
    {"10.0.0.0/", NULL, "10.0.0.0/: must be"},
    {"10.0.0.0/08", NULL, "10.0.0.0/08: must be"},
    {"10.0.0.0/-1", NULL, "10.0.0.0/-1: must be"},
    {"10.0.0.0/8/8", NULL, "10.0.0.0/8/8: must be"},
    {"10.0.0.0/0x8", NULL, "10.0.0.0/0x8: must be"},
    {"10.0.0.0/255.0.0.0", NULL, "10.0.0.0/255.0.0.0: must be"},
    {"/8", NULL, "/8: must be"},
    {"10.0.0.*", NULL, "10.0.0.*: must be"},
    {"[::1]", NULL, "[::1]: must be"},
    {"Loopback", NULL, "Loopback: must be"},
    {"localhost", NULL, "localhost: must be"},
    {"true", NULL, "true: must be"},
    {"*", NULL, "*: must be"},
    {"192.0.2.1 example.com", NULL, "example.com: must be"},
    {"\x1b[2J", NULL, "must be an address"},
    {"192.0.2.1 \xc3\xa4", NULL, "must be an address"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL,
     "must be an address"},
};

static void
reads_and_writes_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[128] = "";
		struct buf out;
		bool ok = read_anew(rows[i].text, why, sizeof(why));

		buf_init(&out, 1024);
		trusted_proxies_write(&trust, &out);
		if (ok != (rows[i].want != NULL))
			fail_msg("'%s': %s", rows[i].text, why);
		if (ok && strcmp(buf_text(&out), rows[i].want) != 0)
			fail_msg("'%s': got '%s'", rows[i].text, buf_text(&out));
		if (ok && trusted_proxies_any(&trust) != (rows[i].want[0] != '\0'))
			fail_msg("'%s': trusts anybody?", rows[i].text);
		if (!ok && strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
			fail_msg("'%s': says '%s'", rows[i].text, why);
		buf_free(&out);
	}
}

static void
the_number_of_ranges_has_an_end(void **state)
{
	char text[TRUST_RANGES_MAX * 16 + 16] = "", why[128];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < TRUST_RANGES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "10.0.%d.0/24 ", i);
	assert_true(read_anew(text, why, sizeof(why)));
	assert_int_equal(trust.count, TRUST_RANGES_MAX);
	snprintf(text + len, sizeof(text) - len, "11.0.0.0/24");
	assert_false(read_anew(text, why, sizeof(why)));
	assert_string_equal(why, "11.0.0.0/24: there are more than 256 ranges");
	/* a word that stands for several, of which the first ones fit */
	snprintf(text + len - strlen("10.0.255.0/24 "), sizeof(text) - len, "private");
	assert_false(read_anew(text, why, sizeof(why)));
	assert_string_equal(why, "172.16.0.0/12: there are more than 256 ranges");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_writes_what_the_table_says),
	    cmocka_unit_test(the_number_of_ranges_has_an_end),
	};

	return cmocka_run_group_tests_name("trusted_proxies", tests, NULL, NULL);
}
