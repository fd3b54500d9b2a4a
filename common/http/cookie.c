#include "http/cookie.h"

#include <string.h>

#include "util/secret.h"

static const char name_secure[] = "__Host-opencode-callback";
static const char name_plain[] = "opencode-callback";

/* One "name=value" of a Cookie header, without the blanks around it. */
struct piece {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
	size_t len; /* of the whole piece */
};

/* Reads the next piece and moves *p to its ';'. False at the end. */
static bool
next_piece(const char **p, struct piece *piece)
{
	const char *start = *p + strspn(*p, " \t;");
	size_t len = strcspn(start, ";");
	const char *eq;

	if (len == 0)
		return false;
	*p = start + len;
	while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t'))
		len--;
	eq = memchr(start, '=', len);
	piece->name = start;
	piece->len = len;
	piece->name_len = eq == NULL ? len : (size_t)(eq - start);
	piece->value = eq == NULL ? start + len : eq + 1;
	piece->value_len = (size_t)(start + len - piece->value);
	return true;
}

static bool
piece_named(const struct piece *piece, const char *name)
{
	return piece->name_len == strlen(name) && memcmp(piece->name, name, piece->name_len) == 0;
}

static bool
token_valid(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = value[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_'))
			return false;
	}
	return len == SECRET_HASH_LEN;
}

enum err
cookie_browser(const char *header, bool secure, char browser[44])
{
	const char *name = secure ? name_secure : name_plain;
	struct piece piece;
	int pieces = 0, found = 0;

	browser[0] = '\0';
	while (header != NULL && next_piece(&header, &piece)) {
		if (++pieces > COOKIE_COUNT_MAX) {
			browser[0] = '\0';
			return ERR_HEADER_LONG;
		}
		if (!piece_named(&piece, name))
			continue;
		if (++found == 1 && token_valid(piece.value, piece.value_len))
			secret_hash(piece.value, piece.value_len, browser);
		else
			browser[0] = '\0';
	}
	return ERR_OK;
}

void
cookie_offer(struct response *response, bool secure, char browser[44])
{
	char token[SECRET_HASH_LEN + 1];
	struct buf line;

	secret_token(token);
	secret_hash(token, SECRET_HASH_LEN, browser);
	buf_init(&line, 256);
	buf_printf(&line, "%s=%s; Path=/;%s HttpOnly; SameSite=Lax",
		   secure ? name_secure : name_plain, token, secure ? " Secure;" : "");
	response_header(response, "Set-Cookie", buf_text(&line));
	secret_wipe(token, sizeof(token));
	buf_free(&line);
}

static bool
piece_ours(const struct piece *piece)
{
	return piece_named(piece, name_secure) || piece_named(piece, name_plain);
}

bool
cookie_others(const char *header)
{
	struct piece piece;

	while (header != NULL && next_piece(&header, &piece))
		if (!piece_ours(&piece))
			return true;
	return false;
}

enum err
cookie_strip(const char *header, struct buf *out)
{
	struct piece piece;

	while (header != NULL && next_piece(&header, &piece)) {
		if (piece_ours(&piece))
			continue;
		if (out->len > 0)
			buf_puts(out, "; ");
		buf_add(out, piece.name, piece.len);
	}
	return out->err;
}
