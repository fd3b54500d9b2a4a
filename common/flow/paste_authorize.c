#include "flow/paste_authorize.h"

#include <string.h>

#include "flow/paste_address.h"
#include "flow/paste_end.h"

/* Whether a parameter called name, which ends with '=', begins at index i. */
static bool
is_parameter(const struct paste_reading *r, size_t i, const char *name)
{
	return i > 0 && strchr("?&", r->text[i - 1]) != NULL && paste_reading_begins(r, i, name);
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
		struct paste_end end = {.eager = true};
		size_t query, limit, type, state, url_end;

		a->answer =
		    a->answer || is_parameter(r, i, "code=") || is_parameter(r, i, "error=");
		if (!is_parameter(r, i, redirect))
			continue;
		if (!find_start(r, floor, i, &end.start, &query) ||
		    (type = find_value(r, query, limit = query_limit(r, query),
				       "response_type=")) == 0) {
			floor = i;
			continue;
		}
		state = find_value(r, query, limit, "state=");
		end.sure = i + sizeof(redirect) - 1;
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
