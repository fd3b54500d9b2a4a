#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/path_segment.h"

static const struct {
	const char *name;
	const char *raw;
} pairs[] = {
    {"demo", "demo"},	  {"my demo", "my%20demo"},   {"gr\xc3\xbcn/x", "gr%C3%BCn%2Fx"},
    {"a%2Fb", "a%252Fb"}, {"a.b-c_d~e", "a.b-c_d~e"}, {"?#&=+", "%3F%23%26%3D%2B"},
    {"...", "..."},
};

static void
names_go_there_and_back(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_true(path_segment_encode(pairs[i].name, out, sizeof(out)));
		assert_string_equal(out, pairs[i].raw);
		assert_true(path_segment_decode(pairs[i].raw, out, sizeof(out)));
		assert_string_equal(out, pairs[i].name);
	}
}

static void
what_is_no_segment_is_refused(void **state)
{
	static const char *const names[] = {"", ".", ".."};
	static const char *const raws[] = {"%", "%4", "%zz", "a%0ab", "%00", "%7f", "%ff", "%c3"};
	char out[8];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(path_segment_encode(names[i], out, sizeof(out)));
	for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++)
		assert_false(path_segment_decode(raws[i], out, sizeof(out)));
	assert_true(path_segment_encode("1234567", out, sizeof(out)));
	assert_false(path_segment_encode("12345678", out, sizeof(out)));
	assert_false(path_segment_encode("12345 ", out, sizeof(out)));
	assert_false(path_segment_decode("12345678", out, sizeof(out)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_go_there_and_back),
	    cmocka_unit_test(what_is_no_segment_is_refused),
	};

	return cmocka_run_group_tests_name("path_segment", tests, NULL, NULL);
}
