#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/generation.h"

#define PAGE   "<!doctype html><title>OpenCode</title>"
#define JSON_1 "{\"healthy\":true,\"version\":\"1.18.33\"}"

struct answer {
	int status; /* 0: none came */
	const char *body;
};

/* The answers to /global/health, /api/info and /api/health. */
static const struct {
	const char *what;
	struct answer answer[3];
	enum generation found;
	bool challenged;
} rows[] = {
    {"opencode 1", {{200, JSON_1}, {200, PAGE}, {200, "{\"healthy\":true}"}}, GENERATION_1, false},
    {"an older one", {{200, JSON_1}, {200, PAGE}, {200, PAGE}}, GENERATION_1, false},
    {"opencode 1 asks for a password",
     {{401, ""}, {401, ""}, {401, "{}"}},
     GENERATION_UNKNOWN,
     true},
    {"the preview of opencode 2",
     {{404, ""}, {404, ""}, {200, "{\"healthy\":true,\"version\":\"0.0.0\",\"pid\":7}"}},
     GENERATION_2,
     false},
    {"it asks for a password", {{401, ""}, {401, ""}, {401, ""}}, GENERATION_UNKNOWN, true},
    {"opencode 2",
     {{200, PAGE}, {200, "{\"version\":\"2.0.1\",\"pid\":7,\"urls\":[]}"}, {404, "{}"}},
     GENERATION_2,
     false},
    {"its interface asks for a password, its pages do not",
     {{200, PAGE}, {401, ""}, {401, ""}},
     GENERATION_2,
     true},
    {"a version number tells nothing",
     {{200, "{\"version\":\"2.0.1\"}"}, {200, PAGE}, {200, "{\"version\":\"1\"}"}},
     GENERATION_UNKNOWN,
     false},
    {"something else", {{200, PAGE}, {200, PAGE}, {200, PAGE}}, GENERATION_UNKNOWN, false},
    {"other types",
     {{200, "{\"healthy\":\"true\"}"}, {200, "{\"version\":2}"}, {200, "[true]"}},
     GENERATION_UNKNOWN,
     false},
    {"no JSON",
     {{200, "{\"healthy\":true"}, {200, "\"version\""}, {200, "true"}},
     GENERATION_UNKNOWN,
     false},
    {"another status",
     {{500, JSON_1}, {500, "{\"version\":\"2\"}"}, {503, JSON_1}},
     GENERATION_UNKNOWN,
     false},
    {"nobody", {{0, ""}, {0, ""}, {0, ""}}, GENERATION_UNKNOWN, false},
};

static void
answers_tell_the_generation(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct generation_look look = {.found = GENERATION_UNKNOWN};

		for (size_t j = 0; generation_paths[j] != NULL && look.found == GENERATION_UNKNOWN;
		     j++) {
			const struct answer *a = &rows[i].answer[j];
			struct buf body;

			buf_init(&body, 1024);
			buf_puts(&body, a->body);
			generation_read(&look, generation_paths[j], a->status, &body);
			buf_free(&body);
		}
		if (look.found != rows[i].found || look.challenged != rows[i].challenged)
			fail_msg("%s: %d, %d", rows[i].what, look.found, look.challenged);
	}
}

static void
each_generation_has_its_terms(void **state)
{
	(void)state;
	assert_null(generation_terms(GENERATION_UNKNOWN)->events);
	for (int i = GENERATION_1; i < GENERATION_COUNT; i++) {
		const struct generation_terms *terms = generation_terms((enum generation)i);

		assert_int_equal(terms->events[0], '/');
		assert_int_equal(terms->terminals[0], '/');
		assert_non_null(strstr(terms->setting, "\"plugin"));
		assert_non_null(terms->name);
		assert_non_null(terms->remark);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_tell_the_generation),
	    cmocka_unit_test(each_generation_has_its_terms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
