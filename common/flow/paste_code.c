#include "flow/paste_code.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "http/query.h"
#include "util/percent.h"
#include "util/secret.h"

#define CODE_NAME "code="
#define MARKS	  "\"'`<>()[]{}*, " /* that stand around a code, and in none */
#define PAIRS_MAX 64		    /* words of a text that are tried as the code of a pair */

#define CODE_BYTES \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
	"0123456789-_.~+/=%"

/* A word: no mark and no line end is in it. */
struct word {
	const char *text;
	size_t len;
};

/* Finds the next word from index *at on, and moves *at behind it. False: there is none. */
static bool
next_word(const struct paste_reading *r, size_t *at, struct word *word)
{
	size_t i = *at + strspn(r->text + *at, MARKS), start = i;

	while (i < r->len && strchr(MARKS, r->text[i]) == NULL &&
	       (i == start || r->line[i] == PASTE_LINE_NONE))
		i++;
	*word = (struct word){r->text + start, i - start};
	*at = i;
	return i > start;
}

static bool
begins(const struct word *w, const char *name)
{
	return w->len >= strlen(name) && strncasecmp(w->text, name, strlen(name)) == 0;
}

static bool
holds(const struct word *w, const char *part)
{
	for (size_t i = 0; i + strlen(part) <= w->len; i++)
		if (strncmp(w->text + i, part, strlen(part)) == 0)
			return true;
	return false;
}

static void
skip(struct word *w, size_t len)
{
	w->text += len;
	w->len -= len;
}

/* Takes the full stop of a sentence off its last word. */
static void
drop_stop(struct word *w)
{
	while (w->len > 1 && strchr(".;:!", w->text[w->len - 1]) != NULL)
		w->len--;
}

/* Whether a word has only characters of a code, or of more. '=' is only at the end (base64). */
static bool
is_code_bytes(const struct word *w, const char *more)
{
	for (size_t i = 0; i < w->len; i++)
		if ((strchr(CODE_BYTES, w->text[i]) == NULL && strchr(more, w->text[i]) == NULL) ||
		    (i > 0 && w->text[i - 1] == '=' && w->text[i] != '='))
			return false;
	return w->len > 0;
}

/* Whether a word looks like a code rather than like a word of a language or a number. */
static bool
looks_random(const struct word *w)
{
	bool digit = false, upper = false, lower = false;

	for (size_t i = 0; i < w->len; i++) {
		digit = digit || isdigit((unsigned char)w->text[i]);
		/* the first letter of a sentence is no sign */
		upper = upper || (i > 0 && isupper((unsigned char)w->text[i]));
		lower = lower || islower((unsigned char)w->text[i]);
	}
	return (digit && (upper || lower) && w->len >= PASTE_CODE_MIN) ||
	       (upper && lower && w->len >= PASTE_LETTERS_MIN);
}

/* Whether a word is one of a language: letters, and signs of a sentence. */
static bool
is_plain_word(const struct word *w)
{
	for (size_t i = 0; i < w->len; i++)
		if (!isalpha((unsigned char)w->text[i]) && w->text[i] != PASTE_OTHER &&
		    strchr(".:!?;-/&", w->text[i]) == NULL)
			return false;
	return true;
}

/* Whether each '%' of a word begins the %XX of a visible character. */
static bool
is_encoded(const struct word *w)
{
	for (size_t i = 0; i < w->len; i++) {
		int byte = w->text[i] == '%' ? percent_decode(w->text + i, w->len - i) : w->text[i];

		if (byte <= ' ' || byte >= 0x7f)
			return false;
	}
	return true;
}

/* Appends a code as the value of a query, which one that was copied out of a URL is already. */
static void
add_code(struct buf *query, const struct word *code)
{
	buf_puts(query, CODE_NAME);
	if (memchr(code->text, '%', code->len) != NULL && is_encoded(code))
		buf_add(query, code->text, code->len);
	else
		query_encode(code->text, code->len, query);
}

/* Whether the hash of a state is the flow's id. */
static bool
is_state(const struct flow *flow, const struct word *state)
{
	char id[FLOW_ID_LEN + 1];

	flow_id(state->text, state->len, id);
	return secret_equal(id, flow->id);
}

/* Reads a state from index at on: what stands between the code and it is passed over. */
static bool
find_state(const struct paste_reading *r, size_t at, const struct flow *flow, struct word *state)
{
	at += strspn(r->text + at, MARKS "#:=");
	if (strncasecmp(r->text + at, "state", 5) == 0)
		at += 5 + strspn(r->text + at + 5, MARKS ":=");
	if (!next_word(r, &at, state))
		return false;
	if (is_state(flow, state))
		return true;
	drop_stop(state);
	return is_state(flow, state);
}

bool
paste_code_pair(const struct paste_reading *r, const struct flow *flow, struct buf *query)
{
	struct word code, state;
	size_t at = 0;

	if (flow->stateless || flow->response_type != RESPONSE_TYPE_CODE)
		return false;
	for (int i = 0; i < PAIRS_MAX && next_word(r, &at, &code); i++) {
		size_t hash;

		if (begins(&code, "code=") || begins(&code, "code:"))
			skip(&code, 5);
		for (hash = 0; hash < code.len && code.text[hash] != '#'; hash++)
			;
		code.len = hash;
		/* "the state is S" has no code */
		if (is_code_bytes(&code, "") &&
		    (code.text[code.len] == '#' || looks_random(&code) || !is_plain_word(&code)) &&
		    find_state(r, (size_t)(code.text - r->text) + code.len, flow, &state)) {
			add_code(query, &code);
			buf_puts(query, "&state=");
			query_encode(state.text, state.len, query);
			return true;
		}
	}
	return false;
}

bool
paste_code_is_other_pair(const struct paste_reading *r)
{
	struct word code, state;
	const char *hash;
	size_t at = 0;

	if (!next_word(r, &at, &code) || (hash = memchr(code.text, '#', code.len)) == NULL)
		return false;
	state = (struct word){hash + 1, code.len - (size_t)(hash + 1 - code.text)};
	code.len = (size_t)(hash - code.text);
	return looks_random(&code) && is_code_bytes(&code, "") && looks_random(&state) &&
	       is_code_bytes(&state, "");
}

enum err
paste_code_alone(const struct paste_reading *r, struct buf *query)
{
	struct word word, code = {NULL, 0};
	size_t at = 0;

	while (next_word(r, &at, &word)) {
		if (begins(&word, "?"))
			skip(&word, 1);
		if (begins(&word, "code=") || (begins(&word, "code:") && word.len > 5))
			skip(&word, 5);
		drop_stop(&word);
		if (looks_random(&word) && is_code_bytes(&word, "") && !holds(&word, "//")) {
			if (code.text != NULL &&
			    (code.len != word.len || strncmp(code.text, word.text, word.len) != 0))
				return ERR_PASTE_CODE;
			code = word;
		} else if (!is_plain_word(&word)) {
			return ERR_PASTE_CODE;
		}
	}
	if (code.text == NULL)
		return ERR_PASTE_CODE;
	add_code(query, &code);
	return query->err == ERR_TOO_LARGE ? ERR_PASTE_CODE : query->err;
}

/* Whether a word is an address that brings a code. */
static bool
brings_code(const struct word *w)
{
	return (holds(w, "?code=") || holds(w, "&code=") || holds(w, "#code=")) &&
	       !holds(w, "redirect_uri=") && !holds(w, "code_challenge=");
}

/* Whether a word may be a code, which may hold its state behind a '#'. */
static bool
may_be_code(const struct word *w)
{
	return w->len >= PASTE_TYPED_MIN && is_code_bytes(w, "#") && !holds(w, "//") &&
	       (looks_random(w) || !is_plain_word(w));
}

/* Makes one word of all lines, if the first begins an address and only one does. */
static bool
join_lines(const struct paste_reading *r, struct buf *out)
{
	struct word all = {r->text, r->len};
	size_t schemes = 0;

	for (size_t i = 0; i + 3 <= r->len; i++)
		schemes += strncmp(r->text + i, "://", 3) == 0 ? 1 : 0;
	if (schemes != 1 || strpbrk(r->text, MARKS) != NULL || strncmp(r->text, "http", 4) != 0 ||
	    !brings_code(&all))
		return false;
	buf_add(out, r->text, r->len);
	return true;
}

enum err
paste_code_typed(const struct paste_reading *r, struct buf *out)
{
	struct word word, found = {NULL, 0};
	bool several = false, named = false;
	size_t at = 0;

	if (strchr(r->text, PASTE_OTHER) == NULL && join_lines(r, out))
		return out->err == ERR_TOO_LARGE ? ERR_PASTE_LONG : out->err;
	while (next_word(r, &at, &word)) {
		bool brings = brings_code(&word);

		if (!holds(&word, "//") && (begins(&word, "code=") || begins(&word, "code:")))
			skip(&word, 5);
		if (!brings)
			drop_stop(&word);
		if (!brings && (named || !may_be_code(&word)))
			continue;
		several = (several || found.text != NULL) && named == brings;
		found = word;
		named = named || brings;
	}
	if (found.text == NULL || several || memchr(found.text, PASTE_OTHER, found.len) != NULL)
		return ERR_PASTE_NO_CODE;
	buf_add(out, found.text, found.len);
	return out->err == ERR_TOO_LARGE ? ERR_PASTE_LONG : out->err;
}
