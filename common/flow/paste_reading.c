#include "flow/paste_reading.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define FULL_WIDTH_FIRST 0xff01 /* U+FF01 to U+FF5E are '!' to '~' in full width */
#define FULL_WIDTH_LAST	 0xff5e
#define FULL_WIDTH_SHIFT 0xfee0

/* What a code point outside ASCII is in a reading. All others are PASTE_OTHER. */
enum sign {
	SIGN_NOTHING, /* shows nothing: left out */
	SIGN_BLANK,   /* a blank, or a sign that no URL holds: parts what is around it */
	SIGN_LINE,    /* ends a line */
	SIGN_OTHER,
};

/*
 * Not here, because browsers take them for parts of a URL: U+3002 and U+FF61 ('.') and the full
 * width forms of # % & . / ? @ and the backslash.
 */
static const struct {
	uint32_t first, last;
	enum sign sign;
} signs[] = {
    {0x0080, 0x0084, SIGN_BLANK},
    {0x0085, 0x0085, SIGN_LINE},    /* next line */
    {0x0086, 0x00a1, SIGN_BLANK},   /* non-breaking space */
    {0x00a6, 0x00a8, SIGN_BLANK},   /* broken bar */
    {0x00ab, 0x00ab, SIGN_BLANK},   /* quotation mark */
    {0x00ad, 0x00ad, SIGN_NOTHING}, /* soft hyphen */
    {0x00b6, 0x00b7, SIGN_BLANK},   /* middle dot */
    {0x00bb, 0x00bb, SIGN_BLANK},   /* quotation mark */
    {0x00bf, 0x00bf, SIGN_BLANK},
    {0x034f, 0x034f, SIGN_NOTHING},
    {0x061c, 0x061c, SIGN_NOTHING}, /* Arabic letter mark */
    {0x1680, 0x1680, SIGN_BLANK},
    {0x180e, 0x180e, SIGN_NOTHING},
    {0x2000, 0x200a, SIGN_BLANK},
    {0x200b, 0x200f, SIGN_NOTHING}, /* zero width, direction marks */
    {0x2010, 0x2027, SIGN_BLANK},   /* dashes, quotation marks, bullets, ellipsis */
    {0x2028, 0x2029, SIGN_LINE},
    {0x202a, 0x202e, SIGN_NOTHING}, /* direction marks */
    {0x202f, 0x205f, SIGN_BLANK},
    {0x2060, 0x206f, SIGN_NOTHING}, /* word joiner, direction marks */
    {0x2190, 0x21ff, SIGN_BLANK},   /* arrows */
    {0x2300, 0x23ff, SIGN_BLANK},
    {0x2500, 0x27bf, SIGN_BLANK}, /* frames, blocks, shapes, dingbats */
    {0x2900, 0x2bff, SIGN_BLANK}, /* arrows, brackets */
    {0x3000, 0x3001, SIGN_BLANK},
    {0x3003, 0x3003, SIGN_BLANK},
    {0x3008, 0x3020, SIGN_BLANK}, /* East Asian brackets */
    {0xe000, 0xf8ff, SIGN_BLANK}, /* private use: icons of fonts */
    {0xfe00, 0xfe0f, SIGN_NOTHING},
    {0xfe10, 0xfe1f, SIGN_BLANK},
    {0xfe30, 0xfe4f, SIGN_BLANK},
    {0xfeff, 0xfeff, SIGN_NOTHING}, /* byte order mark */
    {0xff01, 0xff02, SIGN_BLANK},   /* full width signs that no URL holds between its parts */
    {0xff04, 0xff04, SIGN_BLANK},
    {0xff07, 0xff0d, SIGN_BLANK},
    {0xff1a, 0xff1e, SIGN_BLANK},
    {0xff3b, 0xff3b, SIGN_BLANK},
    {0xff3d, 0xff40, SIGN_BLANK},
    {0xff5b, 0xff60, SIGN_BLANK},
    {0xff62, 0xff65, SIGN_BLANK},
    {0xfff9, 0xfffb, SIGN_NOTHING},
    {0xfffc, 0xfffc, SIGN_BLANK}, /* an embedded picture */
    {0x1f000, 0x1faff, SIGN_BLANK},
    {0xe0000, 0xe01ef, SIGN_NOTHING},
};

/* What has been read since the last character that was written, and where that is. */
struct writer {
	struct paste_reading *out;
	unsigned int lines;    /* line ends */
	unsigned short marked; /* a line end that an earlier reading knew */
	bool blank;
	bool again;	 /* an earlier reading has told the widths of lines */
	bool line_start; /* nothing of this line was written yet */
	size_t column;	 /* of this line */
	size_t width;	 /* of this line up to its last character, without a frame behind it */
	size_t before;	 /* of the line before */
};

static enum sign
find_sign(uint32_t c)
{
	size_t low = 0, high = sizeof(signs) / sizeof(signs[0]);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (c > signs[mid].last)
			low = mid + 1;
		else if (c < signs[mid].first)
			high = mid;
		else
			return signs[mid].sign;
	}
	return SIGN_OTHER;
}

/* Reads one code point of len bytes; what is no UTF-8 is one byte, read as U+FFFD. */
static size_t
read_code_point(const char *bytes, size_t len, uint32_t *c)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;

	*c = p[0];
	if (p[0] < 0x80)
		return 1;
	*c = 0xfffd;
	if (p[0] < 0xc2 || p[0] > 0xf4 || more >= len)
		return 1;
	for (size_t i = 1; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 1;
	*c = p[0] & (0x3fU >> more);
	for (size_t i = 1; i <= more; i++)
		*c = *c << 6 | (p[i] & 0x3fU);
	/* a longer form than needed hides a character */
	if (*c < 0x80)
		*c = 0xfffd;
	return more + 1;
}

/* Takes off a '|' that a frame has put at the end of a line, after a blank. */
static void
drop_frame(struct paste_reading *out)
{
	if (out->len >= 2 && out->text[out->len - 1] == '|' && out->text[out->len - 2] == ' ')
		out->len -= 2;
}

static void
put(struct writer *w, char c)
{
	struct paste_reading *out = w->out;
	unsigned short line = w->marked;

	if (w->lines > 0)
		drop_frame(out);
	if (w->lines > 1 || (w->blank && line != PASTE_LINE_NONE))
		line = PASTE_LINE_HARD;
	else if (w->lines == 1 && line == PASTE_LINE_NONE)
		line = (unsigned short)(w->before + 1);
	if (out->len > 0 && (line == PASTE_LINE_HARD || (w->blank && line == PASTE_LINE_NONE)) &&
	    out->len < PASTE_MAX) {
		out->line[out->len] = PASTE_LINE_NONE;
		out->text[out->len++] = ' ';
	}
	if (out->len < PASTE_MAX) {
		out->line[out->len] = out->len > 0 ? line : PASTE_LINE_NONE;
		out->text[out->len++] = c;
	}
	if (c != '|' || !w->blank)
		w->width = w->column;
	w->lines = 0;
	w->marked = PASTE_LINE_NONE;
	w->blank = w->line_start = false;
}

/* Writes a character of ASCII, or PASTE_OTHER. */
static void
put_ascii(struct writer *w, char c)
{
	w->column++;
	if (c == '\n' || c == '\r') {
		w->before = w->again ? 0 : w->width;
		w->column = w->width = 0;
		w->lines++;
		w->line_start = true;
	} else if ((c <= ' ' && c != PASTE_OTHER) || c == 0x7f) {
		w->blank = true;
	} else if (w->line_start && (c == '>' || c == '|')) {
		w->blank = true; /* quoted in a mail, or framed */
	} else {
		put(w, c);
	}
}

static void
put_code_point(struct writer *w, uint32_t c, bool full_width)
{
	if (c < 0x80) {
		put_ascii(w, (char)c);
		return;
	}
	if (full_width && c >= FULL_WIDTH_FIRST && c <= FULL_WIDTH_LAST) {
		put_ascii(w, (char)(c - FULL_WIDTH_SHIFT));
		return;
	}
	switch (find_sign(c)) {
	case SIGN_NOTHING:
		break;
	case SIGN_BLANK:
		put_ascii(w, ' ');
		break;
	case SIGN_LINE:
		put_ascii(w, '\n');
		break;
	default:
		put_ascii(w, PASTE_OTHER);
	}
}

void
paste_reading_write(struct paste_reading *out, const char *bytes, const unsigned short *line,
		    size_t len, bool full_width)
{
	struct writer w = {.out = out, .again = line != NULL, .line_start = line == NULL};
	uint32_t c;

	out->len = 0;
	out->blanks_joined = false;
	for (size_t i = 0; i < len;) {
		if (line != NULL && line[i] > w.marked)
			w.marked = line[i];
		/* CR LF is one line end */
		if (bytes[i] == '\r' && i + 1 < len && bytes[i + 1] == '\n')
			i++;
		i += read_code_point(bytes + i, len - i, &c);
		put_code_point(&w, c, full_width);
	}
	out->text[out->len] = '\0';
}

void
paste_reading_join_blanks(struct paste_reading *r)
{
	size_t to = 0, begin = 0;
	bool blank = false;

	for (size_t i = 0; i < r->len; i++) {
		if (r->text[i] == ' ') {
			blank = true;
			continue;
		}
		blank = blank || r->line[i] != PASTE_LINE_NONE;
		if (r->line[i] != PASTE_LINE_HARD)
			r->line[i] = blank ? (unsigned short)(to - begin + 1) : PASTE_LINE_NONE;
		r->line[to] = r->line[i];
		if (blank)
			begin = to;
		r->text[to++] = r->text[i];
		blank = false;
	}
	r->len = to;
	r->text[to] = '\0';
	r->blanks_joined = true;
}

char
paste_reading_at(const struct paste_reading *r, size_t i)
{
	if (i >= r->len)
		return ' ';
	return r->text[i];
}

bool
paste_reading_parts(char c)
{
	return c == ' ' || c == '"' || c == '<' || c == '>' || c == '`' || c == PASTE_OTHER;
}

bool
paste_reading_ends(const struct paste_reading *r, size_t at, const char *word, bool nocase)
{
	size_t len = strlen(word);

	if (at < len)
		return false;
	return nocase ? strncasecmp(r->text + at - len, word, len) == 0
		      : strncmp(r->text + at - len, word, len) == 0;
}

bool
paste_reading_begins(const struct paste_reading *r, size_t at, const char *word)
{
	return at <= r->len && strncmp(r->text + at, word, strlen(word)) == 0;
}
