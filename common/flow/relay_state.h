/*
 * The state of a sign-in that comes home through a relay: the sign-in's own state, wrapped by its
 * site so that the relay can tell whose it is. This file handles only text, keys and time;
 * config/relay_key.h knows whose keys they are.
 *
 *   v1.ID.EXPIRY.STATE.MAC
 *
 * ID is the site's name on the relay, EXPIRY the end of the sign-in's life in Unix seconds, STATE
 * the inner state as base64url, MAC the base64url of the HMAC-SHA-256 (RFC 2104) of everything
 * before its dot.
 */
#ifndef RELAY_STATE_H
#define RELAY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/secret.h"

#define RELAY_STATE_MAX 512  /* bytes of a wrapped state: providers limit its length */
#define RELAY_ID_MAX	32   /* bytes of an ID */
#define RELAY_LIFE_MAX	3600 /* seconds: the longest [flow] lifetime */
#define RELAY_CLOCK_MAX 60   /* seconds by which the clocks of site and relay may differ */
#define RELAY_INNER_MAX (RELAY_STATE_MAX / 4 * 3) /* bytes of an inner state */

struct relay_key {
	unsigned char bytes[SECRET_MAC_BYTES];
};

/* A wrapped state in its parts, which point into the text that was read. */
struct relay_state {
	const char *text;
	size_t signed_len; /* bytes that the MAC covers */
	char id[RELAY_ID_MAX + 1];
	const char *expiry;
	size_t expiry_len;
	const char *inner;
	size_t inner_len;
	const char *mac;
};

/* Returns whether text can be an ID: 1 to RELAY_ID_MAX letters, digits, '_' and '-'. */
bool relay_state_id_valid(const char *text);

/*
 * Wraps a state; expiry is in Unix seconds. ERR_TOO_LARGE: it would be longer than
 * RELAY_STATE_MAX.
 */
enum err relay_state_wrap(const struct relay_key *key, const char *id, int64_t expiry,
			  const char *state, char out[RELAY_STATE_MAX + 1]) MUST_CHECK;

/*
 * Splits text into its parts by form alone; none of them is proved yet. False: it has another
 * form.
 */
bool relay_state_read(const char *text, struct relay_state *out) MUST_CHECK;

/* Returns whether this key made the MAC. Takes the same time either way. */
bool relay_state_proved(const struct relay_state *s, const struct relay_key *key) MUST_CHECK;

/*
 * Decodes the inner state; call it only after relay_state_proved(). now is in Unix seconds. inner
 * is NUL-terminated text without control bytes. ERR_RELAY_EXPIRED: the sign-in has expired.
 * ERR_RELAY_CLOCK: it claims to last longer than any. ERR_RELAY_STATE: no site wraps such an
 * inner state.
 */
enum err relay_state_open(const struct relay_state *s, int64_t now,
			  char inner[RELAY_INNER_MAX + 1]) MUST_CHECK;

#endif
