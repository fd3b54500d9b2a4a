#include "flow/paste_escape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/percent.h"

#define ENTITY_MAX 12 /* bytes of an entity between '&' and ';' */

/* The entities that encoders write for signs of a URL and around one (HTML section 13.5). */
static const struct {
	const char *name;
	uint32_t c;
} entities[] = {
    {"amp", '&'},    {"apos", '\''},  {"bsol", '\\'},	{"colon", ':'},	   {"comma", ','},
    {"commat", '@'}, {"equals", '='}, {"gt", '>'},	{"lowbar", '_'},   {"lpar", '('},
    {"lsqb", '['},   {"lt", '<'},     {"nbsp", ' '},	{"NewLine", '\n'}, {"num", '#'},
    {"percnt", '%'}, {"period", '.'}, {"plus", '+'},	{"quest", '?'},	   {"quot", '"'},
    {"rpar", ')'},   {"rsqb", ']'},   {"semi", ';'},	{"shy", 0xad},	   {"sol", '/'},
    {"Tab", '\t'},   {"zwj", 0x200d}, {"zwnj", 0x200c},
};

void
paste_escape_put(struct paste_reading *out, char c, unsigned short line)
{
	if (out->len == PASTE_MAX)
		return;
	out->text[out->len] = c;
	out->line[out->len++] = line;
}

/* Appends a code point in UTF-8; what is none becomes PASTE_OTHER. */
static void
put_code_point(struct paste_reading *out, uint32_t c, unsigned short line)
{
	if (c < 0x80) {
		paste_escape_put(out, (char)c, line);
	} else if (c < 0x800) {
		paste_escape_put(out, (char)(0xc0 | c >> 6), line);
		paste_escape_put(out, (char)(0x80 | (c & 0x3f)), PASTE_LINE_NONE);
	} else if (c < 0x10000) {
		paste_escape_put(out, (char)(0xe0 | c >> 12), line);
		paste_escape_put(out, (char)(0x80 | (c >> 6 & 0x3f)), PASTE_LINE_NONE);
		paste_escape_put(out, (char)(0x80 | (c & 0x3f)), PASTE_LINE_NONE);
	} else {
		paste_escape_put(out, PASTE_OTHER, line);
	}
}

/* The line end, if there is any, inside or before len characters. */
static unsigned short
line_in(const struct paste_reading *r, size_t at, size_t len)
{
	unsigned short line = PASTE_LINE_NONE;

	for (size_t i = at; i < at + len && i < r->len; i++)
		if (r->line[i] > line)
			line = r->line[i];
	return line;
}

/* Reads up to max digits; the number of them. */
static size_t
read_digits(const char *text, size_t max, int base, uint32_t *value)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t n = 0;

	*value = 0;
	for (; n < max && text[n] != '\0'; n++) {
		const char *digit = strchr(digits, text[n]);
		int v = digit == NULL	       ? base
			: digit - digits > 0xf ? (int)(digit - digits) - 6
					       : (int)(digit - digits);

		if (v >= base)
			break;
		*value = *value * (uint32_t)base + (uint32_t)v;
	}
	return n;
}

/* Reads what stands between '&' and ';'. The length of both with it; 0: no entity. */
static size_t
read_entity(const char *text, uint32_t *c)
{
	size_t len = 0, n;

	while (len <= ENTITY_MAX && text[len] != '\0' && text[len] != ';')
		len++;
	if (text[len] != ';' || len > ENTITY_MAX)
		return 0;
	if (text[1] == '#') {
		bool hex = text[2] == 'x' || text[2] == 'X';

		n = hex ? read_digits(text + 3, 6, 16, c) + 3 : read_digits(text + 2, 7, 10, c) + 2;
		return n == len && n > (hex ? 3 : 2) ? len + 1 : 0;
	}
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (strlen(entities[i].name) == len - 1 &&
		    strncmp(text + 1, entities[i].name, len - 1) == 0) {
			*c = entities[i].c;
			return len + 1;
		}
	return 0;
}

size_t
paste_escape_entity(const char *text)
{
	uint32_t c;

	return text[0] == '&' ? read_entity(text, &c) : 0;
}

/* The length of an element that allows a line end, which shows nothing: "<wbr>"; else 0. */
static size_t
read_wbr(const char *text)
{
	size_t len = strncmp(text, "<wbr", 4) == 0 ? 4 : 0;

	if (len > 0)
		len += strspn(text + len, " /");
	return len > 0 && text[len] == '>' ? len + 1 : 0;
}

bool
paste_escape_entities(const struct paste_reading *r, struct paste_reading *out)
{
	bool changed = false;
	uint32_t c;

	out->len = 0;
	for (size_t i = 0; i < r->len;) {
		char here = r->text[i];
		size_t entity = here == '&' ? read_entity(r->text + i, &c) : 0;
		size_t wbr = here == '<' ? read_wbr(r->text + i) : 0;

		if (entity > 0)
			put_code_point(out, c, line_in(r, i, entity));
		else if (wbr == 0)
			paste_escape_put(out, here, r->line[i]);
		changed = changed || entity > 0 || wbr > 0;
		i += entity + wbr > 0 ? entity + wbr : 1;
	}
	return changed;
}

/* Reads what follows a backslash in JSON, C, a shell. The length with it; 0: leave it. */
static size_t
read_backslash(const char *text, bool slashes, uint32_t *c)
{
	size_t n;

	switch (text[1]) {
	case 'u':
		n = read_digits(text + 2, 4, 16, c);
		return n == 4 ? 6 : 0;
	case 'x':
		n = read_digits(text + 2, 2, 16, c);
		return n == 2 ? 4 : 0;
	case 'n':
	case 'r':
		*c = '\n';
		return 2;
	case 't':
		*c = '\t';
		return 2;
	case '/':
		*c = '/';
		return slashes ? 2 : 0;
	default:
		if ((n = read_digits(text + 1, 3, 8, c)) >= 2)
			return n + 1;
		*c = (unsigned char)text[1];
		return text[1] > ' ' && strspn(text + 1, "0123456789abcdefghijklmnopqrstuvwxyz"
							 "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 0
			   ? 2
			   : 0;
	}
}

/*
 * Whether JSON has escaped the slashes. A "\/" beside other slashes is no escape: there browsers
 * take the backslash for a slash.
 */
static bool
slashes_escaped(const char *text)
{
	const char *slash = text;

	if (strstr(text, ":\\/\\/") != NULL)
		return true;
	while ((slash = strchr(slash, '/')) != NULL) {
		if (slash == text || slash[-1] != '\\')
			return false;
		slash++;
	}
	return true;
}

bool
paste_escape_backslashes(const struct paste_reading *r, struct paste_reading *out)
{
	bool slashes = slashes_escaped(r->text), changed = false;
	uint32_t c = 0;

	out->len = 0;
	for (size_t i = 0; i < r->len;) {
		const char *here = r->text + i;
		size_t len = here[0] == '\\' ? read_backslash(here, slashes, &c) : 0;

		/* cmd.exe and PowerShell have signs of their own */
		if ((here[0] == '^' && here[1] > ' ') || strncmp(here, "`$", 2) == 0) {
			len = 2;
			c = (unsigned char)here[1];
		}
		if (len > 0)
			put_code_point(out, c, line_in(r, i, len));
		else if (here[0] != '\\' || i + 1 == r->len || r->line[i + 1] == PASTE_LINE_NONE)
			paste_escape_put(out, here[0], r->line[i]);
		else
			len = 1; /* only continues the line */
		changed = changed || len > 0;
		i += len > 0 ? len : 1;
	}
	return changed;
}

bool
paste_escape_percent(const struct paste_reading *r, struct paste_reading *out)
{
	bool changed = false;

	out->len = 0;
	for (size_t i = 0; i < r->len;) {
		char here = r->text[i];
		int byte = here == '%' ? percent_decode(r->text + i, r->len - i) : -1;

		/* a line end of quoted-printable */
		if (here == '=' && i + 1 < r->len && r->line[i + 1] != PASTE_LINE_NONE) {
			i++;
			continue;
		}
		/* what is not encoded is the wrapper's own: there the URL that it carries ends */
		if (byte >= 0)
			here = (char)byte;
		else if (strchr("?&#=+", here) != NULL)
			here = '"';
		paste_escape_put(out, here, byte >= 0 ? line_in(r, i, 3) : r->line[i]);
		changed = changed || byte >= 0;
		i += byte >= 0 ? 3 : 1;
	}
	return changed;
}

bool
paste_escape_quoted_printable(const char *text, size_t len, bool whole, struct paste_reading *out)
{
	bool changed = false;

	out->len = 0;
	for (size_t i = 0; i < len;) {
		size_t blanks = text[i] == '=' ? strspn(text + i + 1, " \t\r\n") : 0, used = 1;
		uint32_t c;

		/* a line end that was added; a browser may have made a blank of it */
		if (blanks > 0 && (whole || strcspn(text + i + 1, "\r\n") < blanks)) {
			used = blanks + 1;
		} else if (text[i] == '=' && read_digits(text + i + 1, 2, 16, &c) == 2) {
			paste_escape_put(out, (char)c, PASTE_LINE_NONE);
			used = 3;
		} else if (text[i] == '=' && whole) {
			return false;
		} else {
			paste_escape_put(out, text[i], PASTE_LINE_NONE);
		}
		changed = changed || used > 1;
		i += used;
	}
	return changed;
}
