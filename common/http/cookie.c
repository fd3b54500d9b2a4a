#include "http/cookie.h"

#include <string.h>

#include "util/secret.h"

static const char name_secure[] = "__Host-opencode-callback";
static const char name_plain[] = "opencode-callback";

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether a cookie ends here. */
static bool
is_end(const char *p)
{
	return *p == '\0' || *p == ';';
}

bool
cookie_next(const char **rest, struct cookie *cookie)
{
	const char *start = *rest, *end, *equals = NULL;

	while (*start != '\0' && (is_blank(*start) || is_end(start)))
		start++;
	for (end = start; !is_end(end); end++)
		if (*end == '=' && equals == NULL)
			equals = end;
	*rest = end;
	while (end > start && is_blank(end[-1]))
		end--;
	cookie->name = start;
	cookie->len = (size_t)(end - start);
	cookie->name_len = equals == NULL ? cookie->len : (size_t)(equals - start);
	cookie->value = equals == NULL ? end : equals + 1;
	cookie->value_len = (size_t)(end - cookie->value);
	return end > start;
}

static bool
is_named(const struct cookie *cookie, const char *name)
{
	return cookie->name_len == strlen(name) &&
	       memcmp(cookie->name, name, cookie->name_len) == 0;
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

void
cookie_browser(const char *header, bool secure, char browser[44])
{
	const char *name = secure ? name_secure : name_plain;
	struct cookie cookie;
	int found = 0;

	browser[0] = '\0';
	while (header != NULL && found < 2 && cookie_next(&header, &cookie)) {
		if (!is_named(&cookie, name))
			continue;
		if (++found == 1 && token_valid(cookie.value, cookie.value_len))
			secret_hash(cookie.value, cookie.value_len, browser);
		else
			browser[0] = '\0';
	}
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
is_session(const struct cookie *cookie)
{
	static const char name[] = "opencode_session";
	const size_t len = sizeof(name) - 1;

	return cookie->name_len >= len && memcmp(cookie->name, name, len) == 0 &&
	       (cookie->name_len == len || cookie->name[len] == '_');
}

bool
cookie_has_session(const char *header)
{
	struct cookie cookie;
	size_t len = 0;

	while (header != NULL && cookie_next(&header, &cookie))
		if (is_session(&cookie))
			len += cookie.len + (len == 0 ? 0 : 2);
	return len > 0 && len <= COOKIE_SESSION_MAX;
}

/* Appends the cookies that are wanted. */
static enum err
copy(const char *header, bool (*is_wanted)(const struct cookie *), struct buf *out)
{
	struct cookie cookie;

	while (header != NULL && cookie_next(&header, &cookie)) {
		if (!is_wanted(&cookie))
			continue;
		if (out->len > 0)
			buf_puts(out, "; ");
		buf_add(out, cookie.name, cookie.len);
	}
	return out->err;
}

enum err
cookie_session(const char *header, struct buf *out)
{
	return copy(header, is_session, out);
}

static bool
is_other(const struct cookie *cookie)
{
	return !is_named(cookie, name_secure) && !is_named(cookie, name_plain);
}

enum err
cookie_others(const char *header, struct buf *out)
{
	return copy(header, is_other, out);
}
