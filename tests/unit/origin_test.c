#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/origin.h"

static const struct {
	const char *host;
	bool loopback, private;
} rows[] = {
    {"localhost", true, true},
    {"LOCALHOST:8080", true, true},
    {"opencode.localhost", true, false},
    {"a.b.Localhost:4096", true, false},
    {".localhost", false, false},
    {"localhost.example.com", false, false},
    {"notlocalhost", false, true},
    {"127.0.0.1", true, false},
    {"127.9.9.9:80", true, false},
    {"[::1]:80", true, false},
    {"127.evil.example", false, false},
    {"192.168.1.10:4096", false, true},
    {"10.0.0.1", false, true},
    {"172.16.0.1", false, true},
    {"172.31.255.255", false, true},
    {"172.32.0.1", false, false},
    {"169.254.1.1", false, true},
    {"100.64.0.1", false, false},
    {"8.8.8.8", false, false},
    {"[fd00::1]:80", false, true},
    {"[fe80::1]", false, true},
    {"[2001:db8::1]", false, false},
    {"[::ffff:192.168.0.1]", false, true},
    {"myserver", false, true},
    {"myserver:8080", false, true},
    {"myserver.local", false, true},
    {"box.LAN", false, true},
    {"nas.home.arpa", false, true},
    {"vm.internal", false, true},
    {"box.tail1234.ts.net:8080", false, true},
    {".local", false, false},
    {"local.example.com", false, false},
    {"evil-local", false, true},
    {"evil.example-local", false, false},
    {"opencode.example.com", false, false},
    {"2130706433", false, false},
    {"0x7f000001", false, false},
    {"192.168.1", false, false},
    {"", false, false},
    {"a b", false, false},
    {"192.168.1.10/x", false, false},
};

static void
test_hosts(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (origin_host_is_loopback(rows[i].host) == rows[i].loopback &&
		    origin_host_is_private(rows[i].host) == rows[i].private)
			continue;
		fail_msg("%s", rows[i].host);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_hosts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
