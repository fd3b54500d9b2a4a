#include "flow/paste_authorize.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "flow/paste_address.h"
#include "flow/paste_end.h"

/* Whether a parameter called name, which ends with '=', begins at index i. */
static bool
is_parameter(const struct paste_reading *r, size_t i, const char *name)
{
	return i > 0 && strchr("?&", r->text[i - 1]) != NULL && paste_reading_begins(r, i, name);
}

/* Whether the value of a parameter begins at index i. */
static bool
is_value(const struct paste_reading *r, size_t i)
{
	size_t name = i;

	if (i == 0 || r->text[i - 1] != '=')
		return false;
	while (--name > 0 && (isalnum((unsigned char)r->text[name - 1]) ||
			      strchr("_-.", r->text[name - 1]) != NULL))
		;
	return name > 0 && name + 1 < i && strchr("?&", r->text[name - 1]) != NULL;
}

/* Where the query at index at ends at the latest: at a blank, a fragment, the next URL. */
static size_t
query_limit(const struct paste_reading *r, size_t at)
{
	size_t i = at;

	while (i < r->len && !paste_reading_parts(r->text[i]) && strchr("?#", r->text[i]) == NULL &&
	       (r->line[i] == PASTE_LINE_NONE || (!paste_reading_begins(r, i, "http://") &&
						  !paste_reading_begins(r, i, "https://"))))
		i++;
	return i;
}

/* The index behind the '=' of a parameter, or 0. */
static size_t
find_value(const struct paste_reading *r, size_t at, size_t limit, const char *name)
{
	for (size_t i = at; i < limit; i++)
		if (is_parameter(r, i, name))
			return i + strlen(name);
	return 0;
}

/* Finds the '?' before index at, and the scheme before that. False: there are none after floor. */
static bool
find_start(const struct paste_reading *r, size_t floor, size_t at, size_t *start, size_t *query)
{
	size_t i = at;

	while (i > floor && r->text[i - 1] != '?') {
		if (paste_reading_parts(r->text[i - 1]))
			return false;
		i--;
	}
	*query = i;
	for (; i > floor && !paste_reading_parts(r->text[i - 1]); i--)
		if (r->text[i - 1] == '/' && (*start = paste_address_scheme(r, i)) < i)
			return *start >= floor;
	return false;
}

/* Returns the length of the word of a list that text begins with, in either case, or 0. */
static size_t
word_of(const char *const *words, const char *text)
{
	for (; *words != NULL; words++)
		if (strncasecmp(text, *words, strlen(*words)) == 0)
			return strlen(*words);
	return 0;
}

/* Whether the URL of a listener stands at index i, encoded or not. */
static bool
is_listener(const struct paste_reading *r, size_t i)
{
	static const char *const parts[][6] = {
	    {"http://", "http%3A//", "http%3A%2F%2F", "http:%2F%2F"},
	    {"localhost", "127.0.0.1", "[::1]", "%5B::1%5D", "%5B%3A%3A1%5D"},
	    {":", "%3A"},
	};
	const char *text = r->text + i;
	size_t len;

	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
		if ((len = word_of(parts[part], text)) == 0)
			return false;
		text += len;
	}
	return true;
}

static void
take(struct paste_authorize *a, const struct paste_reading *r, size_t start, size_t end)
{
	if (a->url.len == 0)
		buf_add(&a->url, r->text + start, end - start);
	else if (a->url.len != end - start ||
		 strncmp(buf_text(&a->url), r->text + start, end - start) != 0)
		a->differs = true;
}

void
paste_authorize_look(struct paste_authorize *a, struct paste_reading *r)
{
	static const char redirect[] = "redirect_uri=";
	size_t floor = 0;

	for (size_t i = 0; i < r->len; i++) {
		bool named = is_parameter(r, i, redirect);
		size_t value = named ? i + sizeof(redirect) - 1 : i;
		bool listener = (named || is_value(r, i)) && is_listener(r, value);
		struct paste_end end = {.eager = true};
		size_t query, limit, type, state, url_end;

		a->answer =
		    a->answer || is_parameter(r, i, "code=") || is_parameter(r, i, "error=");
		if (!named && !listener)
			continue;
		if (!find_start(r, floor, i, &end.start, &query) ||
		    ((type = find_value(r, query, limit = query_limit(r, query),
					"response_type=")) == 0 &&
		     !listener)) {
			floor = i;
			continue;
		}
		state = find_value(r, query, limit, "state=");
		end.sure = value;
		end.sure = type > end.sure ? type : end.sure;
		end.sure = state > end.sure ? state : end.sure;
		url_end = paste_end_find(r, &end);
		/* a later reading takes the blank behind it for a line end */
		if (end.doubtful && !r->blanks_joined) {
			floor = i;
			continue;
		}
		take(a, r, end.start, url_end);
		memset(r->text + end.start, PASTE_OTHER, url_end - end.start);
		floor = i = url_end;
	}
}
