/*
 * The state of a sign-in that comes home by way of a relay: the sign-in's own,
 * wrapped by its site in what tells the relay whose it is. Only text, keys
 * and time; whose keys they are is relay_key.h's affair.
 *
 *   v1.ID.EXPIRY.STATE.MAC
 *
 * ID is the site's name on the relay, EXPIRY the end of the sign-in's life in Unix
 * seconds, STATE the inner state as base64url, MAC the base64url of the
 * HMAC-SHA-256 (RFC 2104) of all that stands before its dot.
 */
#ifndef RELAY_STATE_H
#define RELAY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/secret.h"

#define RELAY_STATE_MAX 512  /* bytes of a wrapped state: no provider takes any length */
#define RELAY_ID_MAX	32   /* bytes of an ID */
#define RELAY_LIFE_MAX	3600 /* seconds: the longest [flow] lifetime */
#define RELAY_CLOCK_MAX 60   /* seconds that the clocks of site and relay may differ by */
#define RELAY_INNER_MAX (RELAY_STATE_MAX / 4 * 3) /* bytes of an inner state */

struct relay_key {
	unsigned char bytes[SECRET_MAC_BYTES];
};

/* A wrapped state in its parts, which stand in the text that it was read from. */
struct relay_state {
	const char *text;
	size_t signed_len; /* what the MAC is of */
	char id[RELAY_ID_MAX + 1];
	const char *expiry;
	size_t expiry_len;
	const char *inner;
	size_t inner_len;
	const char *mac;
};

/* Whether text can be an ID: letters, digits, '_' and '-'. */
bool relay_state_id_valid(const char *text);

/*
 * Wraps a state; expiry in Unix seconds. ERR_TOO_LARGE: it would be longer
 * than RELAY_STATE_MAX.
 */
enum err relay_state_wrap(const struct relay_key *key, const char *id, int64_t expiry,
			  const char *state, char out[RELAY_STATE_MAX + 1]) MUST_CHECK;

/* Takes text apart, by its form alone: nothing in it is to be believed. False: it has another. */
bool relay_state_read(const char *text, struct relay_state *out) MUST_CHECK;

/* Whether this key made it. Takes the same time whatever the answer is. */
bool relay_state_proved(const struct relay_state *s, const struct relay_key *key) MUST_CHECK;

/*
 * What stands in it; only to be asked once it is proved. inner is NUL-terminated text
 * without control bytes. ERR_RELAY_EXPIRED: its time is over. ERR_RELAY_CLOCK: it lasts longer than
 * any. ERR_RELAY_STATE: an inner state that no site wraps.
 */
enum err relay_state_open(const struct relay_state *s, int64_t now,
			  char inner[RELAY_INNER_MAX + 1]) MUST_CHECK;

#endif
