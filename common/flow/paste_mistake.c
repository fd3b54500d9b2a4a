#include "flow/paste_mistake.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "flow/paste_code.h"

#define CODE_MIN 6  /* characters of a code */
#define NAME_MAX 32 /* characters of the name of a parameter */

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* What tells most stands first. */
static const enum err mistakes[] = {
    ERR_PASTE_OTHER, ERR_PASTE_TOKEN,	 ERR_PASTE_FRAGMENT, ERR_NO_STATE,   ERR_PASTE_AUTHORIZE,
    ERR_NO_CODE,     ERR_PASTE_ANSWERED, ERR_PASTE_SITE,     ERR_PASTE_CODE, ERR_PASTE_TEXT,
};

static size_t
rank(enum err err)
{
	size_t i = 0;

	while (i + 1 < sizeof(mistakes) / sizeof(mistakes[0]) && mistakes[i] != err)
		i++;
	return i;
}

enum err
paste_mistake_better(enum err a, enum err b)
{
	return rank(b) < rank(a) ? b : a;
}

bool
paste_mistake_vague(enum err err)
{
	return rank(err) >= rank(ERR_PASTE_SITE) || err == ERR_NO_CODE;
}

/* Whether a parameter called name, which ends with '=', is in the query or fragment at index at. */
static bool
has(const struct paste_reading *r, size_t at, const char *name)
{
	for (size_t i = at;
	     i < r->len && !paste_reading_parts(r->text[i]) && (i == at || r->text[i] != '?'); i++)
		if ((i == at || strchr("?&#", r->text[i - 1]) != NULL) &&
		    paste_reading_begins(r, i, name))
			return true;
	return false;
}

/* What is wrong with a response that begins at index at: with a '?', with a '#' or without. */
static enum err
judge_answer(const struct flow *flow, const struct paste_reading *r, size_t at)
{
	bool token = flow->response_type == RESPONSE_TYPE_TOKEN, answer;
	char mark = paste_reading_at(r, at);

	at += mark == '?' || mark == '#' ? 1 : 0;
	answer = has(r, at, token ? "access_token=" : "code=") || has(r, at, "error=");
	if (token && mark == '?' && !has(r, at, "error="))
		return ERR_PASTE_TOKEN;
	if (!token && mark == '#' && (answer || has(r, at, "state=")))
		return ERR_PASTE_FRAGMENT;
	if (!answer)
		return token ? ERR_PASTE_TOKEN : ERR_NO_CODE;
	return has(r, at, "state=") ? ERR_PASTE_OTHER : ERR_NO_STATE;
}

/* Returns the length of the path at index at. */
static size_t
path_len(const struct paste_reading *r, size_t at)
{
	return strcspn(r->text + at, "?# \"<>`\x01");
}

/* Whether what begins at index at, behind a path, has a part of a response. The names stand without
 * their '=', which quoted-printable takes for the beginning of a byte. */
static bool
has_part(const struct paste_reading *r, size_t at)
{
	static const char *const parts[] = {"code", "error", "access_token", "state"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (has(r, at, parts[i]))
			return true;
	return false;
}

/* Judges what follows the redirect URI's authority, or our own: the index behind it. */
static enum err
judge_path(const struct paste_address *address, const struct flow *flow,
	   const struct paste_reading *r, size_t at, bool listener)
{
	size_t path = path_len(r, at);
	bool own;

	if (path == strlen(address->path) + 1 && r->text[at + path - 1] == '/')
		path--;
	own = path == strlen(address->path) && paste_reading_begins(r, at, address->path);
	if (path > 1 && !own)
		return has_part(r, at + path) ? ERR_PASTE_SITE : ERR_PASTE_ANSWERED;
	at += path + strspn(r->text + at + path, "/");
	/* the fragment of a token flow may have been left behind by whoever copied it */
	if (listener && !has_part(r, at) && !(own && flow->response_type == RESPONSE_TYPE_TOKEN))
		return ERR_PASTE_ANSWERED;
	return judge_answer(flow, r, at);
}

/* Judges the authority at index at, of a URL with a scheme or without. */
static enum err
judge_authority(const struct paste_address *address, const struct flow *flow,
		const struct paste_reading *r, size_t at)
{
	size_t len = paste_address_authority(address, r, at, false);

	if (len > 0)
		return judge_path(address, flow, r, at + len, true);
	len = paste_address_authority(address, r, at, true);
	if (len > 0 && paste_reading_begins(r, at + len, address->path) && address->path[0] != '\0')
		return judge_path(address, flow, r, at + len, false);
	if (len > 0)
		return ERR_PASTE_SITE;
	/* another port of the user's own computer; with a response it is another sign-in's */
	len = paste_address_loopback(r, at);
	return len > 0 && !has_part(r, at + len + path_len(r, at + len)) ? ERR_PASTE_ANSWERED
									 : ERR_PASTE_SITE;
}

static enum err
judge_url(const struct paste_address *address, const struct flow *flow,
	  const struct paste_reading *r, size_t scheme, size_t at)
{
	size_t len = strlen(flow->authorize_origin);

	if (len > 0 && strncasecmp(r->text + scheme, flow->authorize_origin, len) == 0 &&
	    (scheme + len >= r->len || strchr("/?#", r->text[scheme + len]) != NULL ||
	     paste_reading_parts(r->text[scheme + len])))
		return ERR_PASTE_AUTHORIZE;
	return judge_authority(address, flow, r, at);
}

/* Whether a host and a path, or a listener's authority, begin at index at, without a scheme. */
static bool
is_address(const struct paste_address *address, const struct paste_reading *r, size_t at)
{
	size_t host = 0;

	if (paste_address_authority(address, r, at, true) > 0)
		return true;
	host = paste_address_loopback(r, at);
	if (host > 0 && (r->text[at + host] == '/' || memchr(r->text + at, ':', host) != NULL))
		return true;
	host = 0;
	while (host < ORIGIN_MAX && at + host < r->len &&
	       strchr(LETTERS_AND_DIGITS "-.[]:", r->text[at + host]) != NULL)
		host++;
	return host > 0 && r->text[at + host] == '/' && r->text[at + host + 1] != '/' &&
	       memchr(r->text + at, '.', host) != NULL;
}

/* Whether a query alone begins at index at: a '?', a '#' or the name of a parameter. */
static bool
is_query(const struct paste_reading *r, size_t at)
{
	size_t name = 0;

	while (name < NAME_MAX && r->text[at + name] != '\0' &&
	       strchr(LETTERS_AND_DIGITS "_", r->text[at + name]) != NULL)
		name++;
	return r->text[at] == '?' || r->text[at] == '#' || (name > 0 && r->text[at + name] == '=');
}

/* Whether the text has words of a page that opencode or another program shows on its port. */
static bool
is_page_text(const char *text)
{
	static const char *const words[] = {
	    "state mismatch",
	    "invalid state",
	    "authorization successful",
	    "authorization failed",
	    "login successful",
	    "authentication successful",
	    "authentication complete",
	    "signed in",
	    "close this page",
	    "close this window",
	    "close this tab",
	    "cannot get /",
	    "page not found",
	    "404 not found",
	    "page could not be found",
	    "login failed",
	    "close this browser",
	    "return to the terminal",
	    "missing code",
	    "missing authorization code",
	    "403 forbidden",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(text, words[i]) != NULL)
			return true;
	return false;
}

/* Whether the text is a bare code: one word of URL-safe characters. */
static bool
is_bare_code(const char *text)
{
	return strlen(text) >= CODE_MIN && text[0] != '.' &&
	       text[strspn(text, LETTERS_AND_DIGITS "-_.~+/=%")] == '\0' &&
	       strpbrk(text, LETTERS_AND_DIGITS) != NULL;
}

enum err
paste_mistake_find(const struct paste_address *address, const struct flow *flow,
		   const struct paste_reading *r)
{
	enum err found = is_bare_code(r->text)	       ? ERR_PASTE_CODE
			 : paste_code_is_other_pair(r) ? ERR_PASTE_OTHER
						       : ERR_PASTE_TEXT;
	size_t judged = 0; /* up to here, queries alone were looked at */

	for (size_t i = 0; i < r->len; i++) {
		bool first =
		    i == 0 || r->line[i] != PASTE_LINE_NONE || paste_reading_parts(r->text[i - 1]);
		size_t scheme = i > 0 && r->text[i - 1] == '/' ? paste_address_scheme(r, i) : i;

		if (scheme < i)
			found = paste_mistake_better(found, judge_url(address, flow, r, scheme, i));
		else if (first && is_address(address, r, i))
			found = paste_mistake_better(found, judge_authority(address, flow, r, i));
		else if (first && i >= judged && is_query(r, i)) {
			if (has(r, i, "state="))
				found = paste_mistake_better(found, judge_answer(flow, r, i));
			/* what follows without a blank belongs to it */
			for (judged = i; judged < r->len && !paste_reading_parts(r->text[judged]);)
				judged++;
		}
	}
	return found == ERR_PASTE_TEXT && is_page_text(r->text) ? ERR_PASTE_ANSWERED : found;
}
