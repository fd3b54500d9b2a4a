#include "flow/paste_answer.h"

#include <ctype.h>
#include <string.h>

#include "flow/paste_end.h"
#include "flow/paste_escape.h"
#include "http/query.h"
#include "http/request.h"
#include "util/percent.h"
#include "util/secret.h"

#define NAME_MAX   64 /* characters of the name of a parameter */
#define PROOF_COST 64 /* bytes that hashing costs beside those that are hashed */

/* Signs that programs put behind a URL, whatever comes next: "S](http", "S|text", "S\n". */
static const char closing[] = ")]}|\\'([{,;^*/";
/* Signs that do so only at the end of a word: "S.", "S__". */
static const char trailing[] = ".:!?_~-=";

/* A response in a reading. */
struct place {
	size_t anchor; /* of "state=", or of "code=" in a flow without a state */
	size_t sure;   /* behind the state; behind the '=' of the code */
	size_t start;  /* of the address, or of what there is of it */
	size_t query;  /* of the first parameter */
	size_t end;
	char mark; /* '?', '#', or 0: the query alone */
	enum paste_front front;
	bool doubtful, escaped;
};

void
paste_answer_init(struct paste_answer *a, const struct flow *flow, const char *public_origin)
{
	*a = (struct paste_answer){.flow = flow, .proof = PASTE_PROOF_MAX};
	paste_address_init(&a->address, flow, public_origin);
	buf_init(&a->query, QUERY_MAX);
	buf_init(&a->escaped, QUERY_MAX);
	buf_init(&a->credential, QUERY_MAX);
}

void
paste_answer_free(struct paste_answer *a)
{
	buf_free(&a->query);
	buf_free(&a->escaped);
	buf_free(&a->credential);
}

/* Whether a parameter may begin at index i. */
static bool
begins_parameter(const struct paste_reading *r, size_t i)
{
	return i == 0 || r->line[i] != PASTE_LINE_NONE || paste_reading_parts(r->text[i - 1]) ||
	       strchr("?&#([{|'*~", r->text[i - 1]) != NULL;
}

/* Whether "name=" stands at index i. */
static bool
is_parameter(const struct paste_reading *r, size_t i)
{
	size_t at = i;

	while (at < r->len && at - i < NAME_MAX &&
	       (isalnum((unsigned char)r->text[at]) || strchr("_-.", r->text[at]) != NULL))
		at++;
	return at > i && r->text[at] == '=';
}

/* The index of the next parameter that proves a response: from at on, else r->len. */
static size_t
find_anchor(const struct paste_answer *a, const struct paste_reading *r, size_t at)
{
	for (; at < r->len; at++)
		if (begins_parameter(r, at) &&
		    (a->flow->stateless ? paste_reading_begins(r, at, "code=") ||
					      paste_reading_begins(r, at, "error=")
					: paste_reading_begins(r, at, "state=")))
			break;
	return at;
}

/* Returns whether a query ends at index i, or programs put signs such as there behind URLs. */
static bool
ends_well(const struct paste_reading *r, size_t i)
{
	for (size_t k = i; k < r->len; k++) {
		char c = r->text[k];

		if (r->line[k] != PASTE_LINE_NONE || paste_reading_parts(c) ||
		    strchr(closing, c) != NULL)
			return true;
		if (k == i && (c == '&' || c == '#'))
			return true;
		if (strchr(trailing, c) == NULL)
			return false;
	}
	return true;
}

/*
 * Proves that the value at index at begins with the flow's state; *end gets where that ends. Of
 * all its beginnings that could be a value, one must have the hash that is the flow's id.
 */
static bool
prove_state(struct paste_answer *a, const struct paste_reading *r, size_t at, size_t *end)
{
	char state[QUERY_VALUE_MAX], id[FLOW_ID_LEN + 1];
	bool proved = false;
	size_t len = 0;

	for (size_t i = at; !proved; i++) {
		char c = paste_reading_at(r, i);
		bool ended = paste_reading_parts(c) || c == '&' || c == '#';
		int byte = c == '+' ? ' ' : c == '%' ? percent_decode(r->text + i, r->len - i) : c;

		if (len > 0 && (ended || r->line[i] != PASTE_LINE_NONE ||
				(!isalnum((unsigned char)c) && c != '%'))) {
			if (a->proof < len + PROOF_COST)
				break;
			a->proof -= len + PROOF_COST;
			flow_id(state, len, id);
			proved = secret_equal(id, a->flow->id) && ends_well(r, i);
			*end = i;
		}
		if (ended || byte < 0 || len == sizeof(state))
			break;
		state[len++] = (char)byte;
		i += c == '%' ? 2 : 0;
	}
	secret_wipe(state, sizeof(state));
	return proved;
}

/* Whether a name stands at index i, before end, that a response must hold beside the state. */
static bool
is_answer(const struct paste_answer *a, const struct paste_reading *r, size_t i, size_t end)
{
	const char *const names[] = {
	    a->flow->response_type == RESPONSE_TYPE_TOKEN ? "access_token=" : "code=", "error="};

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
		if (paste_reading_begins(r, i, names[k]) && i + strlen(names[k]) <= end)
			return true;
	return false;
}

/* The index of such a parameter in the query from at to end, else end. */
static size_t
find_answer(const struct paste_answer *a, const struct paste_reading *r, size_t at, size_t end)
{
	for (size_t i = at; i < end; i++)
		if ((i == at || r->text[i - 1] == '&') && is_answer(a, r, i, end))
			return i;
	return end;
}

static void
find_end(const struct paste_answer *a, const struct paste_reading *r, struct place *p)
{
	struct paste_end end = {.start = p->start, .sure = p->sure};

	p->doubtful = false;
	p->escaped = r->text[p->sure] == '\\' || r->text[p->sure] == '^';
	p->end = p->sure;
	if (!a->flow->stateless && r->text[p->sure] != '&')
		return; /* behind the state */
	p->end = paste_end_find(r, &end);
	p->doubtful = end.doubtful;
	p->escaped = end.escaped;
}

/*
 * Finds where a query alone begins: the nearest place before the anchor where one can, from which
 * it holds an answer.
 */
static bool
find_alone(const struct paste_answer *a, const struct paste_reading *r, size_t floor,
	   struct place *p)
{
	bool complete;

	p->start = p->anchor;
	find_end(a, r, p);
	complete = find_answer(a, r, p->anchor, p->end) < p->end;
	for (size_t i = p->anchor;; i--) {
		char before = paste_reading_at(r, i == floor ? r->len : i - 1);

		if ((complete || is_answer(a, r, i, p->end)) && begins_parameter(r, i) &&
		    is_parameter(r, i) &&
		    (r->line[i] != PASTE_LINE_NONE || strchr("?&#", before) == NULL)) {
			p->mark = 0;
			p->query = i;
			p->front = paste_address_judge(&a->address, r, floor, i, &p->start);
			find_end(a, r, p);
			return true;
		}
		if (paste_reading_parts(before) || strchr("?#", before) != NULL ||
		    (i == p->anchor && before != '&'))
			return false;
		complete = complete || (before == '&' && is_answer(a, r, i, p->end));
	}
}

/* Finds the '?' or '#' before the anchor, and judges what stands before that. */
static bool
find_address(const struct paste_answer *a, const struct paste_reading *r, size_t floor,
	     struct place *p)
{
	size_t i = p->anchor, before;

	while (i > floor && !paste_reading_parts(r->text[i - 1]) &&
	       strchr("?#", r->text[i - 1]) == NULL)
		i--;
	if (i == floor || paste_reading_parts(r->text[i - 1]) ||
	    strchr("?&#", r->text[p->anchor - 1]) == NULL)
		return false;
	p->query = i;
	p->mark = r->text[i - 1];
	p->front = paste_address_judge(&a->address, r, floor, i - 1, &p->start);
	/* a fragment may stand behind a query */
	for (before = i - 1; p->mark == '#' && p->front == PASTE_FRONT_FOREIGN && before > floor &&
			     !paste_reading_parts(r->text[before - 1]);
	     before--)
		if (r->text[before - 1] == '?') {
			p->front =
			    paste_address_judge(&a->address, r, floor, before - 1, &p->start);
			break;
		}
	/* the '?' of a sentence, and on the next line the query alone */
	if (p->front == PASTE_FRONT_FOREIGN && r->line[p->query] != PASTE_LINE_NONE &&
	    !paste_address_behind_scheme(r, floor, p->query))
		return false;
	find_end(a, r, p);
	return true;
}

/* Whether nothing but marks stands around the query. */
static bool
is_whole_text(const struct paste_reading *r, const struct place *p)
{
	static const char marks[] = " \"<>`'()[]{}*_~|.,;:!?#";

	for (size_t i = 0; i < r->len; i++)
		if ((i < p->query || i >= p->end) && strchr(marks, r->text[i]) == NULL)
			return false;
	return true;
}

/* Why a place that is proved is not taken, or ERR_OK. */
static enum err
check_place(const struct paste_answer *a, const struct paste_reading *r, const struct place *p)
{
	bool token = a->flow->response_type == RESPONSE_TYPE_TOKEN;

	if (p->front == PASTE_FRONT_FOREIGN)
		return ERR_PASTE_SITE;
	/* no state proves it: the address does, or there is nothing else */
	if (a->flow->stateless && p->front == PASTE_FRONT_NONE && !is_whole_text(r, p))
		return ERR_PASTE_SITE;
	if (!token && p->mark == '#')
		return ERR_PASTE_FRAGMENT;
	/* an error may be in the query even so, despite RFC 6749 section 4.2.2.1 */
	if (token && p->mark == '?' &&
	    !paste_reading_begins(r, find_answer(a, r, p->query, p->end), "error="))
		return ERR_PASTE_TOKEN;
	return p->doubtful ? ERR_PASTE_LINES : ERR_OK;
}

/* Compares the code, token or error with that of the first response. */
static void
compare(struct paste_answer *a, const char *answer)
{
	struct buf other;

	buf_init(&other, QUERY_MAX);
	buf_add(&other, answer, strcspn(answer, "&"));
	if (a->credential.len == 0)
		buf_puts(&a->credential, buf_text(&other));
	else if (!secret_equal(buf_text(&a->credential), buf_text(&other)))
		a->differs = true;
	buf_free(&other);
}

/*
 * Whether a sign in the address or the query may escape another one, which a later reading tells.
 */
static bool
is_escaped(const struct paste_reading *r, size_t floor, const struct place *p)
{
	size_t i = p->query;

	while (p->front == PASTE_FRONT_FOREIGN && i > floor && !paste_reading_parts(r->text[i - 1]))
		i--;
	for (; i < p->end; i++)
		if (r->text[i] == '\\' || r->text[i] == '^' || paste_escape_entity(r->text + i) > 0)
			return true;
	return p->escaped || paste_reading_ends(r, p->start, "/v3/__", false);
}

/* Tries what a place holds. False: it holds no answer. */
static bool
take(struct paste_answer *a, const struct paste_reading *r, const struct place *p, bool escaped)
{
	size_t answer = find_answer(a, r, p->query, p->end);
	enum err err = check_place(a, r, p);
	struct buf query;

	if (answer == p->end) {
		if (p->front != PASTE_FRONT_FOREIGN && a->refused == ERR_OK)
			a->refused = ERR_NO_CODE;
		return false; /* a later reading may tell more */
	}
	buf_init(&query, QUERY_MAX);
	if (buf_add(&query, r->text + p->query, p->end - p->query) != ERR_OK)
		err = query.err == ERR_MEMORY ? ERR_MEMORY : ERR_PASTE_LONG;
	else if (!escaped && !p->doubtful && (err == ERR_OK || !a->flow->stateless))
		compare(a, buf_text(&query) + (answer - p->query));
	if (err == ERR_OK && escaped) {
		buf_clear(&a->escaped); /* a later reading tells more */
		buf_puts(&a->escaped, buf_text(&query));
	} else if (err == ERR_OK && a->query.len == 0) {
		buf_puts(&a->query, buf_text(&query));
	} else if (err != ERR_OK && (a->refused == ERR_OK || a->refused == ERR_NO_CODE)) {
		a->refused = err;
	}
	buf_free(&query);
	return true;
}

void
paste_answer_look(struct paste_answer *a, struct paste_reading *r, bool begins)
{
	size_t floor = 0, at = 0;

	if (begins) {
		buf_clear(&a->credential);
		a->differs = false;
	}
	paste_address_look(&a->address, r);
	while ((at = find_anchor(a, r, at)) < r->len) {
		struct place p = {.anchor = at};
		bool escaped;

		p.sure = at += strcspn(r->text + at, "=") + 1;
		if (!a->flow->stateless && !prove_state(a, r, at, &p.sure))
			continue;
		if (!find_address(a, r, floor, &p) && !find_alone(a, r, floor, &p)) {
			floor = at = p.sure;
			continue;
		}
		escaped = is_escaped(r, floor, &p);
		if (take(a, r, &p, escaped) && !escaped)
			memset(r->text + p.start, PASTE_OTHER, p.end - p.start);
		floor = at = p.end;
	}
}

enum err
paste_answer_result(const struct paste_answer *a, struct buf *query)
{
	if (a->query.err != ERR_OK || a->escaped.err != ERR_OK || a->credential.err != ERR_OK)
		return ERR_MEMORY;
	if (a->differs)
		return ERR_PASTE_DIFFER;
	if (a->query.len > 0 || a->escaped.len > 0)
		return buf_puts(query, buf_text(a->query.len > 0 ? &a->query : &a->escaped)) ==
			       ERR_OK
			   ? ERR_OK
			   : ERR_MEMORY;
	return a->refused != ERR_OK ? a->refused : ERR_PASTE_TEXT;
}
