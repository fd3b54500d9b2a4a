#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/forwarded.h"

/* Elements as "node|proto|host", with ", " between; NULL: malformed somewhere. */
static const struct {
	const char *header;
	const char *want;
} rows[] = {
    /* RFC 7239 section 4 */
    {"for=\"_gazonk\"", "_gazonk||"},
    {"For=\"[2001:db8:cafe::17]:4711\"", "[2001:db8:cafe::17]:4711||"},
    {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60|http|"},
    {"for=192.0.2.43, for=198.51.100.17", "192.0.2.43||, 198.51.100.17||"},
    {"for=192.0.2.43,for=\"[2001:db8:cafe::17]\";host=\"a.example:8443\"",
     "192.0.2.43||, [2001:db8:cafe::17]||a.example:8443"},
    {"HOST=a.example;PROTO=https", "|https|a.example"},
    {"for=unknown, for=_hidden, for=_SEVKISEK", "unknown||, _hidden||, _SEVKISEK||"},
    {"secret=\"a;b,c=d\";for=192.0.2.1", "192.0.2.1||"},
    {"for=\"192.0.2.1\\, for=198.51.100.1\"", "192.0.2.1, for=198.51.100.1||"},
    {"for=\"19\\2.0.2.1\"", "192.0.2.1||"},
    {"x=\"\\\"\";for=192.0.2.1", "192.0.2.1||"},
    {"for=\"\"", "||"},
    {";;for=192.0.2.1;", "192.0.2.1||"},
    {"", "||"},
    {",", "||, ||"},
    {"for=192.0.2.1,", "192.0.2.1||, ||"},
    {" \tfor=192.0.2.1 \t,\t for=192.0.2.2 ", "192.0.2.1||, 192.0.2.2||"},
    {"proto=averyveryverylongscheme", "||"},
    {"ext=1;ext=2;for=192.0.2.1", "192.0.2.1||"},
    /* malformed */
    {"for=\"192.0.2.1", NULL},
    {"for=\"192.0.2.1, for=198.51.100.1", NULL},
    {"for=\"192.0.2.1\\\"", NULL},
    {"for=\"192.0.2.1\\", NULL},
    {"for=192.0.2.1\"", NULL},
    {"for=\"192.0.2.1\"x", NULL},
    {"for=\"192.0.2.1\"\"\"", NULL},
    {"for=192.0.2.1:80", NULL},
    {"for=[2001:db8::1]", NULL},
    {"host=a.example:8443", NULL},
    {"for=2001:db8::1", NULL},
    {"for", NULL},
    {"for=", NULL},
    {"=192.0.2.1", NULL},
    {"192.0.2.1", NULL},
    {"for =192.0.2.1", NULL},
    {"for= 192.0.2.1", NULL},
    {"for=192.0.2.1; proto=https", NULL},
    {"for=192.0.2.1 ;proto=https", NULL},
    {"for=192.0.2.1 for=192.0.2.2", NULL},
    {"for=192.0.2.1;for=192.0.2.2", NULL},
    {"for=192.0.2.1;FOR=192.0.2.2", NULL},
    {"proto=http;proto=https", NULL},
    {"host=a;host=b", NULL},
    {"by=a;by=b", NULL},
    {"for=192.0.2.1, for", NULL},
    {"for=a\x01", NULL},
    {"for=\"a\x01\"", NULL},
    {"for=\"a\x7f\"", NULL},
    {"for=\xc3\xa4", NULL},
    {"for=192.0.2.1/24", NULL},
    {"for={192.0.2.1}", NULL},
};

static void
elements_are_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *p = rows[i].header;
		char got[512] = "";
		struct forwarded element;
		enum forwarded_step step;
		size_t len = 0;

		while ((step = forwarded_next(&p, &element)) == FORWARDED_ELEMENT)
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s|%s|%s",
						len == 0 ? "" : ", ", element.node, element.proto,
						element.host);
		if ((step == FORWARDED_END) != (rows[i].want != NULL))
			fail_msg("'%s': ends with %d", rows[i].header, (int)step);
		if (rows[i].want != NULL && strcmp(got, rows[i].want) != 0)
			fail_msg("'%s': got '%s'", rows[i].header, got);
		if (forwarded_last(rows[i].header, &element) != (rows[i].want != NULL))
			fail_msg("'%s': the last element", rows[i].header);
	}
}

static void
what_is_too_long_is_nothing(void **state)
{
	char header[1024];
	struct forwarded element;

	(void)state;
	snprintf(header, sizeof(header), "for=%0*d;host=%0*d", FORWARDED_NODE_MAX, 0, ORIGIN_MAX,
		 0);
	assert_true(forwarded_last(header, &element));
	assert_int_equal(strlen(element.node), FORWARDED_NODE_MAX);
	assert_int_equal(strlen(element.host), ORIGIN_MAX);
	snprintf(header, sizeof(header), "for=%0*d;host=%0*d", FORWARDED_NODE_MAX + 1, 0,
		 ORIGIN_MAX + 1, 0);
	assert_true(forwarded_last(header, &element));
	assert_string_equal(element.node, "");
	assert_string_equal(element.host, "");
}

static void
a_list_is_taken_apart_from_its_end(void **state)
{
	static const struct {
		const char *list;
		const char *want; /* the items from the last on, each in <> */
	} lists[] = {
	    {"", ""},
	    {"a", "<a>"},
	    {"a, b", "<b><a>"},
	    {" a\t,\t b ", "<b><a>"},
	    {"a,,b", "<b><><a>"},
	    {"a,", "<><a>"},
	    {",a", "<a>"},
	    {",", "<>"},
	    {" ", "<>"},
	    {"a b", "<a b>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		size_t left = strlen(lists[i].list), len = 0;
		struct list_item item;
		char got[64] = "";

		while (forwarded_take_last(lists[i].list, &left, &item))
			len += (size_t)snprintf(got + len, sizeof(got) - len, "<%.*s>",
						(int)item.len, item.text);
		if (strcmp(got, lists[i].want) != 0)
			fail_msg("'%s': got %s", lists[i].list, got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(elements_are_what_the_table_says),
	    cmocka_unit_test(what_is_too_long_is_nothing),
	    cmocka_unit_test(a_list_is_taken_apart_from_its_end),
	};

	return cmocka_run_group_tests_name("forwarded", tests, NULL, NULL);
}
