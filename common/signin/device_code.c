#include "signin/device_code.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "flow/url.h"
#include "http/query.h"

#define GROUP_MIN      4 /* letters and digits of each half of a user code (RFC 8628 section 6.1) */
#define NAMED_CODE_MIN 4 /* of one that the instructions name as such */

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Returns whether the text before index at ends with "code:" or "code ". */
static bool
is_named(const char *text, size_t at)
{
	while (at > 0 && strchr(" :\"'`<(*", text[at - 1]) != NULL)
		at--;
	return at >= 4 && strncasecmp(text + at - 4, "code", 4) == 0;
}

/*
 * Returns whether a word of letters, digits and hyphens is a user code: two groups of capital
 * letters and digits, or behind "code" any word that is none of a language.
 */
static bool
is_user_code(const char *text, size_t at, size_t len)
{
	size_t signs = 0, digits = 0, capitals = 0, hyphens = 0, first = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[at + i];

		if (c == '-' && hyphens++ == 0)
			first = i;
		signs += c != '-' ? 1 : 0;
		digits += isdigit((unsigned char)c) ? 1 : 0;
		capitals += isupper((unsigned char)c) ? 1 : 0;
	}
	if (is_named(text, at))
		return signs >= NAMED_CODE_MIN && (hyphens + digits > 0 || capitals == signs);
	return hyphens == 1 && digits + capitals == signs && capitals > 0 && first >= GROUP_MIN &&
	       len - first - 1 >= GROUP_MIN;
}

static bool
holds_user_code(const char *text)
{
	for (size_t at = 0; text[at] != '\0'; at++) {
		size_t len = strspn(text + at, LETTERS_AND_DIGITS "-");

		if (len > 0 && strncmp(text + at + len, "://", 3) != 0 &&
		    is_user_code(text, at, len))
			return true;
		at += len;
		if (text[at] == '\0')
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
