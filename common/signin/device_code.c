#include "signin/device_code.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "flow/url.h"
#include "http/query.h"

#define USER_CODE_MIN  6 /* letters and digits of a user code (RFC 8628 section 6.1) */
#define NAMED_CODE_MIN 4 /* of one that the instructions name as such */

#define CAPITALS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Returns whether the text before index at ends with "code:" or "code ". */
static bool
is_named(const char *text, size_t at)
{
	while (at > 0 && strchr(" :\"'`<(*", text[at - 1]) != NULL)
		at--;
	return at >= 4 && strncasecmp(text + at - 4, "code", 4) == 0;
}

/* Returns whether a word of capital letters, digits and hyphens is a user code. */
static bool
is_user_code(const char *text, size_t at, size_t len)
{
	size_t signs = 0, hyphens = 0, digits = 0;

	for (size_t i = at; i < at + len; i++) {
		signs += text[i] != '-' ? 1 : 0;
		hyphens += text[i] == '-' ? 1 : 0;
		digits += isdigit((unsigned char)text[i]) ? 1 : 0;
	}
	return (signs >= USER_CODE_MIN && signs > digits && hyphens + digits > 0) ||
	       (signs >= NAMED_CODE_MIN && is_named(text, at));
}

static bool
holds_user_code(const char *text)
{
	size_t len;

	for (size_t at = 0; text[at] != '\0'; at += len + 1) {
		bool whole = at == 0 || !isalnum((unsigned char)text[at - 1]);

		len = strspn(text + at, CAPITALS_AND_DIGITS "-");
		if (len > 0 && whole && !isalnum((unsigned char)text[at + len]) &&
		    is_user_code(text, at, len))
			return true;
		if (text[at + len] == '\0')
			break;
	}
	return false;
}

/* Parses the query of a URL; without one, q is empty. */
static bool
read_query(const char *text, struct query *q)
{
	struct url url;
	bool read = true;

	*q = (struct query){.count = 0};
	if (url_parse(text, &url) != ERR_OK)
		return false;
	if (url.query != NULL)
		read = query_parse(q, url.query, strlen(url.query), QUERY_REPEATED) == ERR_OK;
	url_free(&url);
	return read;
}

bool
device_code_shown(const char *url, const char *instructions)
{
	struct query q;
	bool shown;

	if (holds_user_code(instructions))
		return true;
	shown = read_query(url, &q) && query_get(&q, "user_code") != NULL;
	query_free(&q);
	return shown;
}

bool
device_code_stays(const char *url)
{
	struct query q;
	bool stays = read_query(url, &q) && query_get(&q, "redirect_uri") == NULL;

	for (size_t i = 0; i < q.count; i++)
		stays = stays && !url_is_web(q.param[i].value);
	query_free(&q);
	return stays;
}
