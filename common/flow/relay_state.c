#include "flow/relay_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/utf8.h"

#define VERSION	   "v1."
#define EXPIRY_MAX 12 /* digits */

static const char id_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
#define base64url_bytes id_bytes /* the same characters (RFC 4648 section 5) */

bool
relay_state_id_valid(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= RELAY_ID_MAX && strspn(text, id_bytes) == len;
}

enum err
relay_state_wrap(const struct relay_key *key, const char *id, int64_t expiry, const char *state,
		 char out[RELAY_STATE_MAX + 1])
{
	char inner[RELAY_STATE_MAX + 1], mac[SECRET_MAC_LEN + 1];
	int len;

	if (!secret_base64url(state, strlen(state), inner, sizeof(inner)))
		return ERR_TOO_LARGE;
	len = snprintf(out, RELAY_STATE_MAX + 1, VERSION "%s.%" PRId64 ".%s", id, expiry, inner);
	if (len < 0 || (size_t)len + 1 + SECRET_MAC_LEN > RELAY_STATE_MAX)
		return ERR_TOO_LARGE;
	secret_mac(key->bytes, out, (size_t)len, mac);
	out[len] = '.';
	memcpy(out + len + 1, mac, SECRET_MAC_LEN + 1);
	return ERR_OK;
}

/* Reads the next part: 1 to max of these bytes, and the dot after it. */
static bool
take_part(const char **pos, const char *bytes, size_t max, size_t *len)
{
	*len = strspn(*pos, bytes);
	if (*len == 0 || *len > max || (*pos)[*len] != '.')
		return false;
	*pos += *len + 1;
	return true;
}

bool
relay_state_read(const char *text, struct relay_state *out)
{
	const char *pos = text + sizeof(VERSION) - 1, *id = pos;
	size_t id_len;

	*out = (struct relay_state){.text = text};
	if (strlen(text) > RELAY_STATE_MAX || strncmp(text, VERSION, sizeof(VERSION) - 1) != 0 ||
	    !take_part(&pos, id_bytes, RELAY_ID_MAX, &id_len))
		return false;
	memcpy(out->id, id, id_len);
	out->expiry = pos;
	if (!take_part(&pos, "0123456789", EXPIRY_MAX, &out->expiry_len))
		return false;
	out->inner = pos;
	if (!take_part(&pos, base64url_bytes, RELAY_STATE_MAX, &out->inner_len))
		return false;
	out->mac = pos;
	out->signed_len = (size_t)(pos - 1 - text);
	return strlen(pos) == SECRET_MAC_LEN && strspn(pos, base64url_bytes) == SECRET_MAC_LEN;
}

bool
relay_state_proved(const struct relay_state *s, const struct relay_key *key)
{
	char mac[SECRET_MAC_LEN + 1];
	bool proved;

	secret_mac(key->bytes, s->text, s->signed_len, mac);
	proved = secret_equal(mac, s->mac);
	secret_wipe(mac, sizeof(mac));
	return proved;
}

/* Sites wrap only text: query_parse() accepts nothing else as the state= of an authorize URL. */
static bool
is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return utf8_valid(text, len);
}

enum err
relay_state_open(const struct relay_state *s, int64_t now, char inner[RELAY_INNER_MAX + 1])
{
	int64_t expiry = strtoll(s->expiry, NULL, 10);
	size_t len;

	if (expiry <= now)
		return ERR_RELAY_EXPIRED;
	if (expiry > now + RELAY_LIFE_MAX + RELAY_CLOCK_MAX)
		return ERR_RELAY_CLOCK;
	if (!secret_base64url_read(s->inner, s->inner_len, inner, RELAY_INNER_MAX, &len) ||
	    !is_text(inner, len))
		return ERR_RELAY_STATE;
	inner[len] = '\0';
	return ERR_OK;
}
