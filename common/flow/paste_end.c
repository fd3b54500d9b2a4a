#include "flow/paste_end.h"

#include <string.h>
#include <strings.h>

#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define LETTERS UPPER LOWER
#define DIGITS	"0123456789"

#define CODE_PART_MIN 6 /* characters of a word that may be the rest of a code */

enum bracket { ROUND, SQUARE, CURLY, BRACKET_COUNT };

static const char openers[] = "([{", closers[] = ")]}";

/* A way along a URL. */
struct walk {
	const struct paste_reading *r;
	size_t open[BRACKET_COUNT];
	size_t name, value; /* of the parameter; value is 0 up to the '=' */
	size_t width;	    /* of the widest line that the URL goes on behind */
};

/* What the first word of the next line looks like. */
enum word {
	WORD_SENTENCE, /* "Thanks", "cheers,", "--" */
	WORD_LETTERS,  /* "thanks", "Ab": a word, or the rest of a code */
	WORD_OTHER,
};

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static void
step(struct walk *w, size_t i)
{
	char c = w->r->text[i];
	const char *opener = is_one_of(c, openers) ? strchr(openers, c) : NULL;
	const char *closer = is_one_of(c, closers) ? strchr(closers, c) : NULL;

	if (opener != NULL)
		w->open[opener - openers]++;
	else if (closer != NULL && w->open[closer - closers] > 0)
		w->open[closer - closers]--;
	if (c == '&' || c == '?' || c == '#') {
		w->name = i + 1;
		w->value = 0;
	} else if (c == '=' && w->value == 0) {
		w->value = i + 1;
	}
}

/* Notes that the URL goes on with the line that begins at index i. */
static void
next_line(struct walk *w, size_t i)
{
	if (w->r->line[i] != PASTE_LINE_HARD && w->r->line[i] > w->width)
		w->width = w->r->line[i];
}

static void
begin(struct walk *w, const struct paste_reading *r, const struct paste_end *end)
{
	*w = (struct walk){.r = r, .name = end->start};
	for (size_t i = end->start; i < end->sure; i++) {
		if (r->line[i] != PASTE_LINE_NONE && i > end->start)
			next_line(w, i);
		step(w, i);
	}
}

/* The length of the word at index at: up to a blank, a quotation mark, a line end. */
static size_t
word_len(const struct paste_reading *r, size_t at)
{
	size_t i = at;

	while (i < r->len && !paste_reading_parts(r->text[i]) &&
	       (i == at || r->line[i] == PASTE_LINE_NONE))
		i++;
	return i - at;
}

static enum word
look_at_word(const char *word, size_t len)
{
	size_t letters = strspn(word, LETTERS "'"), lower = strspn(word + 1, LOWER);

	if (letters == 0 || len == 0)
		return WORD_OTHER;
	if (letters < len)
		return letters + strspn(word + letters, ".,!:;?*_~") >= len ? WORD_SENTENCE
									    : WORD_OTHER;
	return len >= 3 && is_one_of(word[0], UPPER) && lower + 1 >= len ? WORD_SENTENCE
									 : WORD_LETTERS;
}

/* Whether the parameter is one that is worth nothing when it is cut. */
static bool
is_credential(const struct walk *w)
{
	static const char *const names[] = {"code=", "access_token=", "state="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (w->value > 0 && w->value - w->name == strlen(names[i]) &&
		    paste_reading_begins(w->r, w->name, names[i]))
			return true;
	return false;
}

/* Whether a word is another URL: it begins with a scheme, or has a query. */
static bool
is_url(const char *word, size_t len)
{
	return strncasecmp(word, "http://", 7) == 0 || strncasecmp(word, "https://", 8) == 0 ||
	       memchr(word, '?', len) != NULL;
}

/* Whether what stands before the URL is closed behind the word of len bytes at index i. */
static bool
is_enclosed(const struct walk *w, const struct paste_end *end, size_t i, size_t len)
{
	const struct paste_reading *r = w->r;
	char opener = paste_reading_at(r, end->start > 0 ? end->start - 1 : r->len);
	char behind = paste_reading_at(r, i + len);

	switch (opener) {
	case '"':
	case '`':
		return behind == opener;
	case '<':
		return behind == '>';
	case '\'':
	case '(':
	case '[':
	case '{':
		return len > 0 && memchr(r->text + i,
					 opener == '('	 ? ')'
					 : opener == '[' ? ']'
					 : opener == '{' ? '}'
							 : '\'',
					 len) != NULL;
	default:
		return false;
	}
}

/* Whether the URL goes on with the line that begins at i. */
static bool
goes_on(const struct walk *w, size_t i, struct paste_end *end)
{
	const struct paste_reading *r = w->r;
	const char *next = r->text + i;
	size_t len = word_len(r, i), part = strcspn(next, "()[]{}|'");
	bool words =
	    i + len < r->len && r->text[i + len] == ' ' && r->line[i + len + 1] != PASTE_LINE_HARD;
	char before = r->text[i - 1];
	enum word word;

	if (part > len)
		part = len;
	if (r->line[i] == PASTE_LINE_HARD)
		return false;
	if (before == '=' || (w->value == 0 && memchr(next, '=', part) != NULL))
		return true; /* inside a parameter */
	if (is_url(next, part))
		return false;
	if (is_one_of(*next, "&=%") || is_one_of(before, "&?%") ||
	    (i >= end->start + 2 && r->text[i - 2] == '%') || memchr(next, '&', part) != NULL)
		return true;
	/* a narrow window breaks lines of the same width */
	if (r->line[i] < w->width)
		return false;
	word = strcspn(next, LETTERS DIGITS) < part ? look_at_word(next, part) : WORD_SENTENCE;
	if (is_enclosed(w, end, i, len))
		return true;
	if (w->width > 0 && !(words && word == WORD_SENTENCE)) {
		/* a word is joined to a code only if the widths are the same */
		end->doubtful = is_credential(w) && word != WORD_OTHER && r->line[i] != w->width;
		return !end->doubtful;
	}
	/* a code could be cut by what seems to be a sentence */
	end->doubtful = !end->eager && is_credential(w);
	if (word == WORD_SENTENCE) {
		end->doubtful = end->doubtful && w->width > 0;
		return false;
	}
	if (words) {
		end->doubtful = end->doubtful && word == WORD_OTHER;
		return false;
	}
	if (end->eager)
		return true;
	end->doubtful = end->doubtful && (word == WORD_LETTERS || r->blanks_joined);
	return word == WORD_OTHER && !r->blanks_joined;
}

/* Whether a sign ends the URL: a bracket that it did not open, or one that no query holds. */
static bool
ends_at(const struct walk *w, size_t i, const struct paste_end *end)
{
	char c = w->r->text[i];
	const char *closer = is_one_of(c, closers) ? strchr(closers, c) : NULL;

	if (closer != NULL)
		return w->open[closer - closers] == 0;
	/* browsers leave these as they are; then a value begins with them, or a name holds them */
	if (c == '[' || c == '{' || c == '|')
		return w->value > 0 && i > w->value;
	if (c != '\'')
		return false;
	return (end->start > 0 && w->r->text[end->start - 1] == '\'') || i + 1 == w->r->len ||
	       w->r->line[i + 1] != PASTE_LINE_NONE || w->r->text[i + 1] == '#' ||
	       paste_reading_parts(w->r->text[i + 1]);
}

/* Whether two of a mark end at index i, and stand in the text before the URL too. */
static bool
is_emphasis(const struct paste_reading *r, const struct paste_end *end, size_t i)
{
	const char *two = r->text + i - 2;

	return i >= end->sure + 2 && is_one_of(two[0], "*~|") && two[1] == two[0] &&
	       memmem(r->text, end->start, two, 2) != NULL;
}

/* Takes off the punctuation of a sentence, and marks that stand before the URL as well. */
static size_t
trim(const struct paste_reading *r, const struct paste_end *end, size_t i, bool credential)
{
	size_t left = end->start;

	while (i > end->sure) {
		char c = r->text[i - 1];

		if (is_emphasis(r, end, i))
			i--;
		else if (is_one_of(c, "*_~|") && left > 0 && r->text[left - 1] == c)
			left--;
		else if (!is_one_of(c, ".,;:?") && !(c == '!' && end->start > 0 && !credential))
			break;
		i--;
	}
	return i;
}

/* Whether a word has letters in both cases, or beside digits and signs, as codes do. */
static bool
is_mixed(const char *word, size_t len)
{
	size_t upper = 0, lower = 0;

	for (size_t i = 0; i < len; i++) {
		upper += is_one_of(word[i], UPPER) ? 1 : 0;
		lower += is_one_of(word[i], LOWER) ? 1 : 0;
	}
	return len >= CODE_PART_MIN && upper + lower > 0 &&
	       (upper > 0) + (lower > 0) + (upper + lower < len) > 1;
}

/* Whether the blank at index i may be a line end inside the URL, of which a browser made a blank.
 */
static bool
may_go_on(const struct walk *w, size_t i, const struct paste_end *end)
{
	const struct paste_reading *r = w->r;
	const char *next = r->text + i + 1;
	size_t len = word_len(r, i + 1), part = strspn(next, LETTERS DIGITS "-_.~%/+=&!$*");
	bool last = i + 1 + len == r->len;

	if (r->line[i + 1] != PASTE_LINE_NONE || is_url(next, len) || part == 0)
		return false;
	if (memchr(next, '&', part) != NULL && memchr(next, '=', part) != NULL)
		return true; /* more parameters */
	if (!is_credential(w) || strncmp(next, "HTTP/", 5) == 0 || strncmp(next, "--", 2) == 0)
		return false;
	return is_mixed(next, part) || (last && (end->start == 0 || end->eager) &&
					look_at_word(next, part) != WORD_SENTENCE);
}

size_t
paste_end_find(const struct paste_reading *r, struct paste_end *end)
{
	struct walk w;
	size_t i = end->sure;

	begin(&w, r, end);
	for (; i < r->len && !paste_reading_parts(r->text[i]) && r->text[i] != '#'; i++) {
		if (r->line[i] != PASTE_LINE_NONE && i > end->start) {
			if (!goes_on(&w, i, end))
				break;
			next_line(&w, i);
		}
		end->escaped = r->text[i] == '\\' || r->text[i] == '^';
		if (end->escaped || ends_at(&w, i, end))
			break;
		step(&w, i);
	}
	if ((end->escaped && is_credential(&w)) ||
	    (i + 1 < r->len && r->text[i] == ' ' && may_go_on(&w, i, end)))
		end->doubtful = true;
	i = trim(r, end, i, is_credential(&w));
	/* a sentence ends so, and so do some codes */
	if (i > end->sure && r->text[i - 1] == '!' && end->start > 0 && is_credential(&w))
		end->doubtful = true;
	return i;
}
