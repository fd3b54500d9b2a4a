#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/relay_state.h"

#define NOW 1790000000

static struct relay_key alice, bob;

static int
make_keys(void **state)
{
	static const char first[] = "the key of alice, 32 bytes or so", second[] = "of bob";

	(void)state;
	secret_mac_key(first, strlen(first), alice.bytes);
	secret_mac_key(second, strlen(second), bob.bytes);
	return 0;
}

/* Reads, proves and opens as the relay does: ERR_RELAY_SHAPE, ERR_RELAY_STATE, … */
static enum err
unwrap(const char *text, int64_t now, char inner[RELAY_INNER_MAX + 1])
{
	struct relay_state s;

	if (!relay_state_read(text, &s))
		return ERR_RELAY_SHAPE;
	if (!relay_state_proved(&s, &alice))
		return ERR_RELAY_STATE;
	return relay_state_open(&s, now, inner);
}

static void
what_is_wrapped_is_unwrapped(void **state)
{
	static const char *const states[] = {
	    "S",
	    "a state with blanks",
	    "a+b/c=&d.e%41?#\"<>\\",
	    "gr\xc3\xbc\xc3\x9f",
	    "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln",
	    "v1.alice.1.Uw.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	char wrapped[RELAY_STATE_MAX + 1], inner[RELAY_INNER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		assert_int_equal(relay_state_wrap(&alice, "alice", NOW + 300, states[i], wrapped),
				 ERR_OK);
		assert_int_equal(strncmp(wrapped, "v1.alice.1790000300.", 20), 0);
		assert_int_equal(unwrap(wrapped, NOW, inner), ERR_OK);
		assert_string_equal(inner, states[i]);
		/* whoever comes twice is the site's affair */
		assert_int_equal(unwrap(wrapped, NOW, inner), ERR_OK);
	}
}

/* Made by: printf %s v1.alice.1790000300.Uw | openssl dgst -sha256 -hmac "$KEY" -binary | basenc
 * --base64url */
static void
others_can_make_it_too(void **state)
{
	char wrapped[RELAY_STATE_MAX + 1];

	(void)state;
	assert_int_equal(relay_state_wrap(&alice, "alice", NOW + 300, "S", wrapped), ERR_OK);
	assert_string_equal(wrapped,
			    "v1.alice.1790000300.Uw.x3UsVbR5yzk3jIcNCLkHVMwpacV0Wym3R5idXMChvbE");
}

static void
a_key_may_be_longer_than_a_block(void **state)
{
	static const char long_key[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
				       "bcdef, and more than 64 bytes";
	struct relay_key key;
	char mac[SECRET_MAC_LEN + 1];

	(void)state;
	secret_mac_key(long_key, strlen(long_key), key.bytes);
	secret_mac(key.bytes, "v1.alice.1790000300.Uw", 22, mac);
	assert_string_equal(mac, "VrCA0qe5SMdDtXf-iYWxlwsrr8lIpUQzrl1zTDlBaDQ");
}

static void
one_bit_off_at_any_place_is_refused(void **state)
{
	char wrapped[RELAY_STATE_MAX + 1], inner[RELAY_INNER_MAX + 1];
	size_t len;

	(void)state;
	assert_int_equal(relay_state_wrap(&alice, "alice", NOW + 300, "S-1", wrapped), ERR_OK);
	len = strlen(wrapped);
	for (size_t i = 0; i < len; i++)
		for (int bit = 0; bit < 8; bit++) {
			enum err got;

			wrapped[i] = (char)(wrapped[i] ^ 1 << bit);
			got = unwrap(wrapped, NOW, inner);
			if (got != ERR_RELAY_SHAPE && got != ERR_RELAY_STATE)
				fail_msg("byte %zu, bit %d: %s", i, bit, error_name(got));
			wrapped[i] = (char)(wrapped[i] ^ 1 << bit);
		}
	assert_int_equal(unwrap(wrapped, NOW, inner), ERR_OK);
	/* nor is a part of it anything */
	for (size_t i = 0; i < len; i++) {
		char end = wrapped[i];

		wrapped[i] = '\0';
		assert_int_equal(unwrap(wrapped, NOW, inner), ERR_RELAY_SHAPE);
		wrapped[i] = end;
	}
}

#define MAC "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 43 */
#define ID  "abcdefghijklmnopqrstuvwxyz_-0123"		  /* 32 */

static void
has_one_shape(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} shapes[] = {
	    {"v1.a.1.Uw." MAC, true},
	    {"v1." ID ".1.Uw." MAC, true},
	    {"v1.Z9_-.999999999999.Uw." MAC, true},
	    {"", false},
	    {".", false},
	    {"....", false},
	    {"S", false},
	    {"v1", false},
	    {"v1.a.1.Uw", false},
	    {"v1.a.1.Uw.", false},
	    {"v1.a.1.Uw." MAC ".", false},
	    {"v1.a.1.Uw." MAC "A", false},
	    {"v1.a.1.Uw.x" MAC, false},
	    {"v1.a.1.Uw.Uw." MAC, false},
	    {"v0.a.1.Uw." MAC, false},
	    {"v2.a.1.Uw." MAC, false},
	    {"V1.a.1.Uw." MAC, false},
	    {" v1.a.1.Uw." MAC, false},
	    {"v1.a.1.Uw." MAC " ", false},
	    {"v1..1.Uw." MAC, false},
	    {"v1.x" ID ".1.Uw." MAC, false},
	    {"v1.a b.1.Uw." MAC, false},
	    {"v1.a/../b.1.Uw." MAC, false},
	    {"v1.gr\xc3\xbcn.1.Uw." MAC, false},
	    {"v1.a\n.1.Uw." MAC, false},
	    {"v1.a%41.1.Uw." MAC, false},
	    {"v1.a..Uw." MAC, false},
	    {"v1.a.-1.Uw." MAC, false},
	    {"v1.a.+1.Uw." MAC, false},
	    {"v1.a.0x1.Uw." MAC, false},
	    {"v1.a.1e9.Uw." MAC, false},
	    {"v1.a.1000000000000.Uw." MAC, false},
	    {"v1.a.18446744073709551617.Uw." MAC, false},
	    {"v1.a.1.." MAC, false},
	    {"v1.a.1.Uw==." MAC, false},
	    {"v1.a.1.U+/w." MAC, false},
	    {"v1.a.1.Uw.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct relay_state s;

		if (relay_state_read(shapes[i].text, &s) != shapes[i].want)
			fail_msg("'%s'", shapes[i].text);
	}
}

static void
another_key_or_another_name_is_refused(void **state)
{
	char wrapped[RELAY_STATE_MAX + 1], inner[RELAY_INNER_MAX + 1];
	struct relay_state s;

	(void)state;
	assert_int_equal(relay_state_wrap(&bob, "bob", NOW + 300, "S", wrapped), ERR_OK);
	assert_int_equal(unwrap(wrapped, NOW, inner), ERR_RELAY_STATE);
	assert_true(relay_state_read(wrapped, &s));
	assert_true(relay_state_proved(&s, &bob));
	assert_string_equal(s.id, "bob");
	/* bob cannot speak for alice: the name is under the MAC */
	assert_int_equal(relay_state_wrap(&bob, "alice", NOW + 300, "S", wrapped), ERR_OK);
	assert_int_equal(unwrap(wrapped, NOW, inner), ERR_RELAY_STATE);
	assert_int_equal(relay_state_wrap(&alice, "bob", NOW + 300, "S", wrapped), ERR_OK);
	memcpy(wrapped + 3, "BOB", 3);
	assert_int_equal(unwrap(wrapped, NOW, inner), ERR_RELAY_STATE);
}

static void
has_its_time(void **state)
{
	static const struct {
		int64_t expiry;
		enum err want;
	} times[] = {
	    {NOW + 1, ERR_OK},
	    {NOW + 3600, ERR_OK},
	    {NOW + 3660, ERR_OK},
	    {NOW, ERR_RELAY_EXPIRED},
	    {NOW - 1, ERR_RELAY_EXPIRED},
	    {0, ERR_RELAY_EXPIRED},
	    {NOW + 3661, ERR_RELAY_CLOCK},
	    {999999999999, ERR_RELAY_CLOCK},
	};
	char wrapped[RELAY_STATE_MAX + 1], inner[RELAY_INNER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		enum err got;

		assert_int_equal(relay_state_wrap(&alice, "alice", times[i].expiry, "S", wrapped),
				 ERR_OK);
		got = unwrap(wrapped, NOW, inner);
		if (got != times[i].want)
			fail_msg("%lld: %s", (long long)times[i].expiry, error_name(got));
	}
}

/* A wrapped state with any bytes inside, which no site of ours makes. */
static void
wrap_bytes(const char *bytes, size_t len, char out[RELAY_STATE_MAX + 1])
{
	char inner[64], mac[SECRET_MAC_LEN + 1];

	assert_true(secret_base64url(bytes, len, inner, sizeof(inner)));
	snprintf(out, RELAY_STATE_MAX + 1, "v1.alice.%d.%s", NOW + 300, inner);
	secret_mac(alice.bytes, out, strlen(out), mac);
	snprintf(out + strlen(out), RELAY_STATE_MAX + 1 - strlen(out), ".%s", mac);
}

static void
what_is_inside_is_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum err want;
	} inside[] = {
	    {"S", 1, ERR_OK},
	    {"a\r\nSet-Cookie: x=1", 18, ERR_RELAY_STATE},
	    {"\n", 1, ERR_RELAY_STATE},
	    {"a\rb", 3, ERR_RELAY_STATE},
	    {"a\0b", 3, ERR_RELAY_STATE},
	    {"\0", 1, ERR_RELAY_STATE},
	    {"a\tb", 3, ERR_RELAY_STATE},
	    {"\x7f", 1, ERR_RELAY_STATE},
	    {"\xff", 1, ERR_RELAY_STATE},
	    {"\xc0\xaf", 2, ERR_RELAY_STATE},
	    {"\xed\xa0\x80", 3, ERR_RELAY_STATE},
	};
	char wrapped[RELAY_STATE_MAX + 1], inner[RELAY_INNER_MAX + 1], mac[SECRET_MAC_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		wrap_bytes(inside[i].bytes, inside[i].len, wrapped);
		if (unwrap(wrapped, NOW, inner) != inside[i].want)
			fail_msg("row %zu", i);
	}
	/* base64url that nobody writes: bits that mean nothing, a byte too few */
	for (int i = 0; i < 2; i++) {
		snprintf(wrapped, sizeof(wrapped), "v1.alice.%d.%s", NOW + 300,
			 i == 0 ? "Ux" : "U");
		secret_mac(alice.bytes, wrapped, strlen(wrapped), mac);
		snprintf(wrapped + strlen(wrapped), sizeof(wrapped) - strlen(wrapped), ".%s", mac);
		assert_int_equal(unwrap(wrapped, NOW, inner), ERR_RELAY_STATE);
	}
}

static void
has_a_size(void **state)
{
	char wrapped[RELAY_STATE_MAX + 2], inner[RELAY_INNER_MAX + 1], text[RELAY_STATE_MAX + 1];
	enum err got = ERR_OK;
	size_t len;

	(void)state;
	memset(text, 's', sizeof(text));
	for (len = 1; got == ERR_OK && len <= RELAY_STATE_MAX; len++) {
		text[len] = '\0';
		got = relay_state_wrap(&alice, ID, NOW + 300, text, wrapped);
		text[len] = 's';
		if (got == ERR_OK) {
			assert_true(strlen(wrapped) <= RELAY_STATE_MAX);
			assert_int_equal(unwrap(wrapped, NOW, inner), ERR_OK);
			assert_int_equal(strlen(inner), len);
		}
	}
	assert_int_equal(got, ERR_TOO_LARGE);
	assert_true(len > 300);
	/* nor is a longer one looked at */
	memset(wrapped, 'A', sizeof(wrapped));
	memcpy(wrapped, "v1.a.1.", 7);
	wrapped[RELAY_STATE_MAX + 1 - SECRET_MAC_LEN - 1] = '.';
	wrapped[RELAY_STATE_MAX + 1] = '\0';
	assert_int_equal(unwrap(wrapped, NOW, inner), ERR_RELAY_SHAPE);
	memmove(wrapped + 7, wrapped + 8, strlen(wrapped + 8) + 1);
	assert_int_equal(unwrap(wrapped, NOW, inner), ERR_RELAY_STATE);
}

static void
an_id_has_few_characters(void **state)
{
	static const char *const good[] = {"a", "Alice-1_", ID}, *const bad[] = {
								     "",	 ("x" ID), "a.b",
								     "a b",	 "a/b",	   "a%b",
								     "\xc3\xa4", "a\n",	   "a]",
								     ".",	 "*"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(relay_state_id_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (relay_state_id_valid(bad[i]))
			fail_msg("'%s'", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_wrapped_is_unwrapped),
	    cmocka_unit_test(others_can_make_it_too),
	    cmocka_unit_test(a_key_may_be_longer_than_a_block),
	    cmocka_unit_test(one_bit_off_at_any_place_is_refused),
	    cmocka_unit_test(has_one_shape),
	    cmocka_unit_test(another_key_or_another_name_is_refused),
	    cmocka_unit_test(has_its_time),
	    cmocka_unit_test(what_is_inside_is_text),
	    cmocka_unit_test(has_a_size),
	    cmocka_unit_test(an_id_has_few_characters),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("relay_state", tests, make_keys, NULL);
}
