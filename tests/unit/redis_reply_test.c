#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "store/redis/redis_reply.h"

/* Feeds it piece by piece; *whole as after the last piece. */
static enum err
feed(const char *text, size_t piece, struct redis_reply *reply, bool *whole)
{
	struct redisReader *reader = redis_reply_reader();
	size_t len = strlen(text);
	enum err err = ERR_OK;

	assert_non_null(reader);
	redis_reply_init(reply);
	*whole = false;
	for (size_t at = 0; err == ERR_OK && at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;

		assert_false(*whole);
		err = redis_reply_feed(reader, text + at, n, reply, whole);
	}
	redisReaderFree(reader);
	return err;
}

static const size_t pieces[] = {1, 2, 7, 1024};

static void
an_array_is_read(void **state)
{
	static const char text[] =
	    "*5\r\n:1700000000000\r\n$2\r\nOK\r\n$-1\r\n+a word\r\n$0\r\n\r\n";
	struct redis_reply reply;
	int64_t number;
	bool whole;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_int_equal(feed(text, pieces[i], &reply, &whole), ERR_OK);
		assert_true(whole);
		assert_true(reply.array);
		assert_int_equal(reply.count, 5);
		assert_true(redis_reply_number(&reply, 0, &number));
		assert_int_equal(number, 1700000000000);
		assert_string_equal(redis_reply_text(&reply, 1), "OK");
		assert_null(redis_reply_text(&reply, 2));
		assert_int_equal(reply.item[2].type, REDIS_ABSENT);
		assert_string_equal(redis_reply_text(&reply, 3), "a word");
		assert_string_equal(redis_reply_text(&reply, 4), "");
		assert_null(redis_reply_text(&reply, 5));
		assert_false(redis_reply_number(&reply, 1, &number));
		assert_false(redis_reply_number(&reply, 5, &number));
		assert_null(redis_reply_error(&reply));
		redis_reply_free(&reply);
	}
}

static void
one_item_is_read(void **state)
{
	struct redis_reply reply;
	int64_t number;
	bool whole;

	(void)state;
	assert_int_equal(feed("+PONG\r\n", 3, &reply, &whole), ERR_OK);
	assert_true(whole);
	assert_false(reply.array);
	assert_string_equal(redis_reply_text(&reply, 0), "PONG");
	redis_reply_free(&reply);
	assert_int_equal(feed(":-9223372036854775808\r\n", 3, &reply, &whole), ERR_OK);
	assert_true(redis_reply_number(&reply, 0, &number) && number == INT64_MIN);
	redis_reply_free(&reply);
	assert_int_equal(feed("-NOPERM it may not\r\n", 3, &reply, &whole), ERR_OK);
	assert_string_equal(redis_reply_error(&reply), "NOPERM it may not");
	redis_reply_free(&reply);
	assert_int_equal(feed("$-1\r\n", 3, &reply, &whole), ERR_OK);
	assert_true(whole && reply.count == 1 && reply.item[0].type == REDIS_ABSENT);
	redis_reply_free(&reply);
	assert_int_equal(feed("*0\r\n", 3, &reply, &whole), ERR_OK);
	assert_true(whole && reply.array && reply.count == 0);
	redis_reply_free(&reply);
}

/* RESP3 is read by hiredis since 1.0, and is no reply of ours: only its nil is that of RESP2. */
static void
everything_else_is_refused(void **state)
{
	static const char *const texts[] = {
	    ",3.14\r\n",
	    "#t\r\n",
	    "(12345678901234567890\r\n",
	    "=7\r\ntxt:abc\r\n",
	    "%1\r\n+a\r\n:1\r\n",
	    "~1\r\n+a\r\n",
	    ">1\r\n+a\r\n",
	    "*1\r\n,3.14\r\n",
	    "*1\r\n#f\r\n",
	    "*1\r\n=7\r\ntxt:abc\r\n",
	    "*1\r\n(1\r\n",
	    "*1\r\n*1\r\n:1\r\n",
	    "*2\r\n+a\r\n*1\r\n:1\r\n",
	    "-ERR\r\n+OK\r\n",
	    "*2\r\n:1\r\n%1\r\n+a\r\n:1\r\n",
	    "*41\r\n",
	    "*1000000000\r\n",
	    "*4294967297\r\n",
	    "*9223372036854775807\r\n",
	    "*-2\r\n",
	    ":1\r\n:1\r\n",
	    "+OK\r\n+",
	    "$99999999999999999999\r\n",
	    ":12a\r\n",
	    "HTTP/1.1 400 Bad Request\r\n\r\n",
	    "\r\n",
	    "|1\r\n+a\r\n:1\r\n:1\r\n",
	};
	struct redis_reply reply;
	bool whole;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (feed(texts[i], 1024, &reply, &whole) != ERR_STORE)
			fail_msg("taken: %s", texts[i]);
		assert_null(redis_reply_text(&reply, 0));
		assert_null(redis_reply_error(&reply));
		redis_reply_free(&reply);
	}
}

static void
the_limits_are_the_named_ones(void **state)
{
	static char text[REDIS_REPLY_MAX + 64];
	struct redis_reply reply;
	bool whole;
	size_t len;

	(void)state;
	len = (size_t)snprintf(text, sizeof(text), "*%d\r\n", REDIS_ITEMS_MAX);
	for (int i = 0; i < REDIS_ITEMS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ":%d\r\n", i);
	assert_int_equal(feed(text, 5, &reply, &whole), ERR_OK);
	assert_true(whole && reply.count == REDIS_ITEMS_MAX);
	redis_reply_free(&reply);

	len = (size_t)snprintf(text, sizeof(text), "$%d\r\n", REDIS_REPLY_MAX);
	memset(text + len, 'x', REDIS_REPLY_MAX);
	memcpy(text + len + REDIS_REPLY_MAX, "\r\n", 3);
	assert_int_equal(feed(text, 4096, &reply, &whole), ERR_STORE);
	redis_reply_free(&reply);
}

static void
a_text_with_a_nul_is_none(void **state)
{
	struct redisReader *reader = redis_reply_reader();
	struct redis_reply reply;
	bool whole;

	(void)state;
	assert_non_null(reader);
	redis_reply_init(&reply);
	assert_int_equal(redis_reply_feed(reader, "$3\r\na\0b\r\n", 9, &reply, &whole), ERR_OK);
	assert_true(whole);
	assert_null(redis_reply_text(&reply, 0));
	redis_reply_free(&reply);
	redisReaderFree(reader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_array_is_read),
	    cmocka_unit_test(one_item_is_read),
	    cmocka_unit_test(everything_else_is_refused),
	    cmocka_unit_test(the_limits_are_the_named_ones),
	    cmocka_unit_test(a_text_with_a_nul_is_none),
	};

	return cmocka_run_group_tests_name("redis_reply", tests, NULL, NULL);
}
