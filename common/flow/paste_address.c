#include "flow/paste_address.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINE_MIN 20 /* characters of a line that a narrow window has broken */

static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"}; /* url_is_loopback() */

/* Adds host and suffix, such as ":443"; what does not fit could not be an address of ours. */
static void
add(struct paste_address *a, const char *host, const char *suffix)
{
	char *out = a->authority[a->count];
	int len = snprintf(out, sizeof(a->authority[0]), "%s%s", host, suffix);

	if (len > 0 && (size_t)len < sizeof(a->authority[0]))
		a->count++;
}

void
paste_address_init(struct paste_address *a, const struct flow *flow, const char *public_origin)
{
	const char *public = origin_authority(public_origin);
	struct authority parts;
	char port[16];

	*a = (struct paste_address){.path = flow->redirect_path};
	snprintf(port, sizeof(port), ":%d", flow->redirect_port);
	for (size_t i = 0; flow->redirect_port > 0 && i < sizeof(names) / sizeof(names[0]); i++)
		add(a, names[i], port);
	a->listeners = a->count;
	if (public == NULL || !origin_authority_read(public, &parts))
		return;
	add(a, public, "");
	if (parts.port[0] == '\0') {
		add(a, public, ":443");
		add(a, public, ":80");
	}
}

size_t
paste_address_scheme(const struct paste_reading *r, size_t at)
{
	size_t start = paste_reading_ends(r, at, "http://", true)    ? at - 7
		       : paste_reading_ends(r, at, "https://", true) ? at - 8
								     : at;
	size_t before = start;

	/* "xhttp", "git+http" are other schemes (RFC 3986 section 3.1) */
	if (before > 0 && r->line[before] == PASTE_LINE_NONE && r->text[before - 1] == '+')
		before--;
	if (before > 0 && r->line[before] == PASTE_LINE_NONE &&
	    isalnum((unsigned char)r->text[before - 1]))
		return at;
	return start;
}

size_t
paste_address_authority(const struct paste_address *a, const struct paste_reading *r, size_t at,
			bool any)
{
	for (size_t i = 0; i < (any ? a->count : a->listeners); i++) {
		size_t len = strlen(a->authority[i]);

		if (strncasecmp(r->text + at, a->authority[i], len) == 0 &&
		    (at + len == r->len || strchr("/?#", r->text[at + len]) != NULL ||
		     paste_reading_parts(r->text[at + len]) ||
		     r->line[at + len] != PASTE_LINE_NONE))
			return len;
	}
	return 0;
}

size_t
paste_address_loopback(const struct paste_reading *r, size_t at)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (strncasecmp(r->text + at, names[i], len) != 0)
			continue;
		if (r->text[at + len] == ':')
			len += 1 + strspn(r->text + at + len + 1, "0123456789");
		if (at + len == r->len || strchr("/?#", r->text[at + len]) != NULL ||
		    paste_reading_parts(r->text[at + len]))
			return len;
	}
	return 0;
}

/* Whether c parts words: a letter outside ASCII may be part of a host. */
static bool
separates(char c)
{
	return paste_reading_parts(c) && c != PASTE_OTHER;
}

bool
paste_address_behind_scheme(const struct paste_reading *r, size_t floor, size_t at)
{
	size_t i = at;

	while (i > floor && !separates(r->text[i - 1]))
		i--;
	return memmem(r->text + i, at - i, "://", 3) != NULL;
}

/* Whether an address without its scheme, or without its authority too, may begin here. */
static bool
may_begin(const struct paste_reading *r, size_t floor, size_t at)
{
	if (at == 0 || r->line[at] != PASTE_LINE_NONE || separates(r->text[at - 1]))
		return true;
	return strchr("([{|'*~=,;", r->text[at - 1]) != NULL &&
	       !paste_address_behind_scheme(r, floor, at);
}

/*
 * Whether what stands before a path alone or a query alone says that they belong elsewhere: a URL
 * directly before them, of another host.
 */
static bool
belongs_elsewhere(const struct paste_address *a, const struct paste_reading *r, size_t floor,
		  size_t at)
{
	size_t end = at, i;

	while (end > floor && separates(r->text[end - 1]))
		end--;
	for (i = end; i > floor && !separates(r->text[i - 1]); i--)
		if (paste_reading_ends(r, i, "://", false))
			return paste_address_authority(a, r, i, true) == 0;
	return false;
}

void
paste_address_look(struct paste_address *a, const struct paste_reading *r)
{
	static const char *const headers[] = {"host:", ":authority:"}; /* HTTP/1.1, HTTP/2 */

	a->foreign_host = false;
	for (size_t i = 0; i < r->len; i++) {
		if (i > 0 && r->line[i] == PASTE_LINE_NONE)
			continue;
		for (size_t k = 0; k < sizeof(headers) / sizeof(headers[0]); k++) {
			size_t at = i + strlen(headers[k]);

			if (strncasecmp(r->text + i, headers[k], strlen(headers[k])) != 0)
				continue;
			a->foreign_host = paste_address_authority(
					      a, r, at + (r->text[at] == ' ' ? 1 : 0), true) == 0;
			if (!a->foreign_host)
				return;
		}
	}
}

/* Whether a line begins inside, behind one that is too short to be a line of a narrow window. */
static bool
is_broken(const struct paste_reading *r, size_t start, size_t end)
{
	for (size_t i = start + 1; i < end; i++) {
		size_t len = 1;

		if (r->line[i] == PASTE_LINE_NONE)
			continue;
		while (len < LINE_MIN && len < i && r->line[i - len] == PASTE_LINE_NONE)
			len++;
		if (len < LINE_MIN)
			return true;
	}
	return false;
}

/* Whether one of the authorities ends at index at, with its scheme or without; *start gets where.
 */
static bool
find_authority(const struct paste_address *a, const struct paste_reading *r, size_t floor,
	       size_t at, size_t *start)
{
	for (size_t i = 0; i < a->count; i++) {
		size_t begin = at - strlen(a->authority[i]);

		if (!paste_reading_ends(r, at, a->authority[i], true) || begin < floor)
			continue;
		*start = paste_address_scheme(r, begin);
		if (*start == begin && !may_begin(r, floor, begin))
			continue;
		/* where each blank may be a line end, "local host" is not to become a host */
		if (*start >= floor && !(r->blanks_joined && is_broken(r, *start, at)))
			return true;
	}
	return false;
}

/*
 * Finds where the path of the redirect URI begins, if it ends at index at. One slash more is the
 * same path; so is none where the path is "/". False: another path, or none.
 */
static bool
find_path(const struct paste_address *a, const struct paste_reading *r, size_t at, size_t slashes,
	  size_t *start)
{
	size_t len = strlen(a->path);

	if (len == 0 || at < len + slashes || (slashes > 0 && r->text[at - 1] != '/'))
		return false;
	*start = at - len - slashes;
	return paste_reading_ends(r, at - slashes, a->path, false);
}

enum paste_front
paste_address_judge(const struct paste_address *a, const struct paste_reading *r, size_t floor,
		    size_t at, size_t *start)
{
	bool root = strcmp(a->path, "/") == 0;
	size_t path = at;

	for (size_t slashes = 0; slashes < 2; slashes++)
		if (find_path(a, r, at, slashes, &path) && find_authority(a, r, floor, path, start))
			return PASTE_FRONT_OWN;
	if (root && find_authority(a, r, floor, at, start))
		return PASTE_FRONT_OWN;
	if (!find_path(a, r, at, 0, &path) && !find_path(a, r, at, 1, &path))
		path = at;
	*start = path;
	if (path < floor || !may_begin(r, floor, path) || belongs_elsewhere(a, r, floor, path) ||
	    a->foreign_host)
		return PASTE_FRONT_FOREIGN;
	return PASTE_FRONT_NONE;
}
