#include "flow/paste_code.h"

#include <ctype.h>
#include <string.h>

#include "http/query.h"
#include "util/percent.h"
#include "util/secret.h"

#define CODE_NAME "code="
#define MARKS	  "\"'`<>()[]{} " /* that stand around a code, and in none */

/* Returns the length of the word at index at that could be a code: on one line, without blanks. */
static size_t
word_len(const struct paste_reading *r, size_t at)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_.~+/%";
	size_t i = at;

	while (i < r->len && strchr(bytes, r->text[i]) != NULL &&
	       (i == at || r->line[i] == PASTE_LINE_NONE))
		i++;
	return i - at + (i > at ? strspn(r->text + i, "=") : 0); /* base64 */
}

/* Returns whether each '%' of a text begins the %XX of a visible character. */
static bool
is_encoded(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int byte = text[i] == '%' ? percent_decode(text + i, len - i) : text[i];

		if (byte <= ' ' || byte >= 0x7f)
			return false;
	}
	return true;
}

/* Appends a code as the value of a query, which one that was copied out of a URL is already. */
static void
add_code(struct buf *query, const char *code, size_t len)
{
	buf_puts(query, CODE_NAME);
	if (memchr(code, '%', len) != NULL && is_encoded(code, len))
		buf_add(query, code, len);
	else
		query_encode(code, len, query);
}

/* Returns what stands behind the code of a pair: the state; NULL: there is no pair. */
static const char *
find_pair(const struct paste_reading *r, size_t *len)
{
	const char *state;

	*len = word_len(r, 0);
	state = r->text + *len;
	if (*state == '#' || *state == ' ')
		state++;
	else if (*len == r->len || r->line[*len] == PASTE_LINE_NONE)
		return NULL;
	return *len == 0 || *state == '\0' ? NULL : state;
}

bool
paste_code_pair(const struct paste_reading *r, const struct flow *flow, struct buf *query)
{
	char id[FLOW_ID_LEN + 1];
	const char *state;
	size_t len;

	if (flow->stateless || flow->response_type != RESPONSE_TYPE_CODE ||
	    (state = find_pair(r, &len)) == NULL)
		return false;
	flow_id(state, strlen(state), id);
	if (!secret_equal(id, flow->id))
		return false;
	add_code(query, r->text, len);
	buf_puts(query, "&state=");
	query_encode(state, strlen(state), query);
	return true;
}

/* Returns whether a word looks like a code rather than like a word of a language or a number. */
static bool
looks_random(const char *word, size_t len)
{
	bool digit = false, upper = false, lower = false;

	for (size_t i = 0; i < len; i++) {
		digit = digit || isdigit((unsigned char)word[i]);
		/* the first letter of a sentence is no sign */
		upper = upper || (i > 0 && isupper((unsigned char)word[i]));
		lower = lower || islower((unsigned char)word[i]);
	}
	return len >= PASTE_CODE_MIN && ((digit && (upper || lower)) || (upper && lower));
}

bool
paste_code_is_other_pair(const struct paste_reading *r)
{
	size_t len;
	const char *state = find_pair(r, &len);

	return state != NULL && r->text[len] == '#' && looks_random(r->text, len) &&
	       looks_random(state, strlen(state)) && strpbrk(state, " #\x01") == NULL;
}

enum err
paste_code_alone(const struct paste_reading *r, struct buf *query)
{
	size_t at = strspn(r->text, MARKS "?"), len;

	if (strncmp(r->text + at, CODE_NAME, strlen(CODE_NAME)) == 0)
		at += strlen(CODE_NAME);
	len = word_len(r, at);
	if (!looks_random(r->text + at, len) ||
	    at + len + strspn(r->text + at + len, MARKS) != r->len)
		return ERR_PASTE_CODE;
	add_code(query, r->text + at, len);
	return query->err == ERR_TOO_LARGE ? ERR_PASTE_CODE : query->err;
}

/* Returns whether text holds word before end. */
static bool
holds(const char *text, size_t len, const char *word)
{
	for (size_t i = 0; i + strlen(word) <= len; i++)
		if (strncmp(text + i, word, strlen(word)) == 0)
			return true;
	return false;
}

enum err
paste_code_typed(const struct paste_reading *r, struct buf *out)
{
	const char *found = NULL;
	size_t found_len = 0, words = 0, named = 0, len;

	for (size_t at = strspn(r->text, MARKS); at < r->len;
	     at += len + strspn(r->text + at + len, MARKS)) {
		bool is_named;

		len = strcspn(r->text + at, MARKS);
		is_named = holds(r->text + at, len, CODE_NAME);
		words++;
		named += is_named ? 1 : 0;
		if (is_named || named == 0) {
			found = r->text + at;
			found_len = len;
		}
	}
	if ((words != 1 && named != 1) || found_len < PASTE_TYPED_MIN ||
	    memchr(found, PASTE_OTHER, found_len) != NULL ||
	    holds(found, found_len, "redirect_uri="))
		return ERR_PASTE_NO_CODE;
	buf_add(out, found, found_len);
	return out->err == ERR_TOO_LARGE ? ERR_PASTE_LONG : out->err;
}
