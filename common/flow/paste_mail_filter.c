#include "flow/paste_mail_filter.h"

#include <string.h>

#include "flow/paste_escape.h"
#include "util/percent.h"

#define RUN_MIN 2 /* signs in the shortest run that has a length of its own */

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The signs that '*' stands for, read from base64url one by one. */
struct signs {
	const char *next;
	unsigned int bits, count; /* read, and not used yet */
};

/* Reads "u=http-3A__…" up to '&' or the end of the URL. */
static size_t
undo_version_2(const struct paste_reading *r, size_t at, struct paste_reading *out)
{
	while (at < r->len && r->text[at] != '&' && !paste_reading_parts(r->text[at])) {
		char c = r->text[at],
		     escape[3] = {'%', paste_reading_at(r, at + 1), paste_reading_at(r, at + 2)};
		int byte = c == '-' ? percent_decode(escape, sizeof(escape)) : -1;

		if (byte >= 0)
			c = (char)byte;
		else if (c == '_')
			c = '/';
		paste_escape_put(out, c, r->line[at]);
		at += byte >= 0 ? 3 : 1;
	}
	return at;
}

/* The next of the signs, or -1. */
static int
next_sign(struct signs *s)
{
	while (s->count < 8) {
		const char *digit = *s->next == '\0' ? NULL : strchr(base64url, *s->next);

		if (digit == NULL)
			return -1;
		s->bits = (s->bits << 6 | (unsigned int)(digit - base64url)) & 0xffff;
		s->count += 6;
		s->next++;
	}
	s->count -= 8;
	return (int)(s->bits >> s->count & 0xff);
}

/* Reads "URL__;SIGNS!!MORE". 0: it has another form. */
static size_t
undo_version_3(const struct paste_reading *r, size_t at, struct paste_reading *out)
{
	const char *end = strstr(r->text + at, "__;");
	struct signs signs = {.next = end == NULL ? NULL : end + 3};

	if (end == NULL || memchr(r->text + at, ' ', (size_t)(end - r->text) - at) != NULL)
		return 0;
	for (; r->text + at < end; at++) {
		const char *run =
		    r->text[at] == '*' && r->text[at + 1] == '*' && r->text + at + 2 < end
			? strchr(base64url, r->text[at + 2])
			: NULL;
		int count = run == NULL ? 1 : (int)(run - base64url) + RUN_MIN;

		if (r->text[at] != '*') {
			paste_escape_put(out, r->text[at], r->line[at]);
			continue;
		}
		for (int sign; count > 0 && (sign = next_sign(&signs)) >= 0; count--)
			paste_escape_put(out, (char)sign, r->line[at]);
		if (run != NULL)
			at += 2;
	}
	/* what is left of the link, up to its end */
	at = (size_t)(end - r->text);
	while (at < r->len && !paste_reading_parts(r->text[at]))
		at++;
	return at;
}

bool
paste_mail_filter_undo(const struct paste_reading *r, struct paste_reading *out)
{
	static const char two[] = "urldefense.proofpoint.com/v2/url?u=", three[] = "/v3/__";
	bool changed = false;

	out->len = 0;
	for (size_t i = 0; i < r->len;) {
		size_t end = 0;

		if (paste_reading_begins(r, i, two)) {
			paste_escape_put(out, ' ', r->line[i]);
			end = undo_version_2(r, i + sizeof(two) - 1, out);
		} else if (paste_reading_begins(r, i, three) &&
			   (paste_reading_ends(r, i, "urldefense.com", true) ||
			    paste_reading_ends(r, i, "urldefense.us", true) ||
			    paste_reading_ends(r, i, "urldefense.proofpoint.com", true))) {
			paste_escape_put(out, ' ', r->line[i]);
			end = undo_version_3(r, i + sizeof(three) - 1, out);
		}
		if (end > 0) {
			paste_escape_put(out, ' ', PASTE_LINE_NONE);
			changed = true;
			i = end;
		} else {
			paste_escape_put(out, r->text[i], r->line[i]);
			i++;
		}
	}
	return changed;
}
