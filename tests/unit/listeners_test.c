#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "opencode/listeners.h"

#define UNKNOWN \
	{ \
		false, {0}, 0 \
	}

static const struct {
	struct listeners before;
	struct listeners after;
	int port;
} rows[] = {
    /* the one that is new */
    {{true, {0}, 0}, {true, {40001}, 1}, 40001},
    {{true, {1455}, 1}, {true, {1455, 40001}, 2}, 40001},
    {{true, {1455, 40001}, 2}, {true, {1024, 1455, 40001}, 3}, 1024},
    {{true, {1455}, 1}, {true, {65535}, 1}, 65535},
    /* none is */
    {{true, {0}, 0}, {true, {0}, 0}, 0},
    {{true, {1455}, 1}, {true, {1455}, 1}, 0},
    {{true, {1455, 40001}, 2}, {true, {40001}, 1}, 0},
    /* several are: somebody else began one too */
    {{true, {0}, 0}, {true, {40001, 40002}, 2}, 0},
    {{true, {1455}, 1}, {true, {1455, 40001, 40002, 40003}, 4}, 0},
    /* the plugin did not tell before, or after */
    {UNKNOWN, {true, {40001}, 1}, 0},
    {{true, {0}, 0}, {false, {40001}, 1}, 0},
    {UNKNOWN, UNKNOWN, 0},
};

static void
the_new_port_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int port = listeners_new(&rows[i].before, &rows[i].after);

		if (port != rows[i].port)
			fail_msg("row %zu: %d", i, port);
	}
}

static void
as_many_as_fit(void **state)
{
	struct listeners before = {.known = true}, after = {.known = true};

	(void)state;
	for (int i = 0; i < LISTENERS_MAX; i++)
		after.port[after.count++] = before.port[before.count++] = 30000 + i;
	assert_int_equal(listeners_new(&before, &after), 0);
	before.count--;
	assert_int_equal(listeners_new(&before, &after), 30000 + LISTENERS_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_new_port_is_found),
	    cmocka_unit_test(as_many_as_fit),
	};

	return cmocka_run_group_tests_name("listeners", tests, NULL, NULL);
}
