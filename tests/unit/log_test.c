#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "util/log.h"

static char said[4096];

/* Runs one log call with standard error led into `said`. */
#define CAPTURE(call) \
	do { \
		int saved = dup(STDERR_FILENO), end[2]; \
		ssize_t n; \
		assert_int_equal(pipe(end), 0); \
		dup2(end[1], STDERR_FILENO); \
		call; \
		dup2(saved, STDERR_FILENO); \
		close(saved); \
		close(end[1]); \
		n = read(end[0], said, sizeof(said) - 1); \
		said[n > 0 ? n : 0] = '\0'; \
		close(end[0]); \
	} while (0)

static void
a_line_is_key_and_value(void **state)
{
	(void)state;
	CAPTURE(log_event(LOG_LEVEL_INFO, "flow-begun", "flow", "abc", "client", NULL, "why",
			  "two words", NULL));
	assert_string_equal(
	    said, "opencode-callback: level=info event=flow-begun flow=abc why=\"two words\"\n");
}

static void
a_line_stays_a_line(void **state)
{
	(void)state;
	CAPTURE(log_event(LOG_LEVEL_INFO, "x", "path", "/a\nevent=forged \"q\" \x1b[31m\\ \xc3\xa9",
			  NULL));
	assert_string_equal(said,
			    "opencode-callback: level=info event=x "
			    "path=\"/a\\x0aevent=forged \\\"q\\\" \\x1b[31m\\\\ \\xc3\\xa9\"\n");
	CAPTURE(log_event(LOG_LEVEL_INFO, "x", "path", "a=b", "empty", "", NULL));
	assert_string_equal(said,
			    "opencode-callback: level=info event=x path=\"a=b\" empty=\"\"\n");
}

static void
secrets_are_hidden_by_their_names(void **state)
{
	(void)state;
	CAPTURE(log_event(LOG_LEVEL_ERROR, "x", "code", "CANARY", "state", "CANARY", "cookie",
			  "CANARY", "authorization", "CANARY", "query", "CANARY", NULL));
	assert_null(strstr(said, "CANARY"));
	assert_non_null(strstr(said, "code=(hidden)"));
}

static void
long_lines_are_cut(void **state)
{
	char value[3000];

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	CAPTURE(log_event(LOG_LEVEL_INFO, "x", "path", value, NULL));
	assert_int_equal(strlen(said), LOG_LINE_MAX);
	assert_int_equal(said[LOG_LINE_MAX - 1], '\n');
}

static void
the_level_decides(void **state)
{
	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_WARNING);
	CAPTURE(log_event(LOG_LEVEL_INFO, "x", NULL));
	assert_string_equal(said, "");
	CAPTURE(log_event(LOG_LEVEL_WARNING, "x", NULL));
	assert_string_equal(said, "opencode-callback: level=warning event=x\n");
	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_key_and_value),
	    cmocka_unit_test(a_line_stays_a_line),
	    cmocka_unit_test(secrets_are_hidden_by_their_names),
	    cmocka_unit_test(long_lines_are_cut),
	    cmocka_unit_test(the_level_decides),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
