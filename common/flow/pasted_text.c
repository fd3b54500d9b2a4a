#include "flow/pasted_text.h"

#include <stdbool.h>
#include <string.h>

#include "flow/url.h"
#include "http/origin.h"
#include "http/query.h"

/* Cuts off what mail programs, terminals and people put around a URL. */
static void
trim(const char **text, size_t *len)
{
	static const char around[] = " \t\r\n<>\"'`";

	while (*len > 0 && strchr(around, (*text)[0]) != NULL) {
		++*text;
		--*len;
	}
	while (*len > 0 && strchr(around, (*text)[*len - 1]) != NULL)
		--*len;
}

/*
 * Copies text without its line ends, which narrow windows insert. Other blanks mean that it is no
 * URL: ERR_PASTE_TEXT.
 */
static enum err
clean_copy(const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\r' || text[i] == '\n')
			continue;
		if (text[i] == ' ' || text[i] == '\t' || (unsigned char)text[i] >= 0x80)
			return ERR_PASTE_TEXT;
		buf_putc(out, text[i]);
	}
	return out->err == ERR_OK ? ERR_OK : ERR_PASTE_TEXT;
}

/*
 * Whether text is a response alone: "?code=…&state=…", "#access_token=…" or the same without its
 * first character. The state is the proof, so it suffices. In a URL, ':' or '/' comes before the
 * first '='.
 */
static bool
is_answer(const char *text, const struct flow *flow)
{
	size_t special = strcspn(text, "=:/?#");
	const char *proof = flow->stateless ? "code=" : "state=";

	return text[0] == '?' || text[0] == '#' ||
	       (text[special] == '=' && strstr(text, proof) != NULL);
}

/* Whether text is a bare code: one word of URL-safe characters. */
static bool
is_bare_code(const char *text)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-_.~+/=%";

	return strlen(text) >= 6 && text[strspn(text, bytes)] == '\0' && strchr(text, '.') != text;
}

static bool
is_redirect_uri(const struct url *a, const struct flow *flow)
{
	return strcmp(a->scheme, "http") == 0 && url_is_loopback(a->host) && a->port_given &&
	       a->port == flow->redirect_port;
}

static bool
is_public(const struct url *a, const char *public_origin)
{
	char origin[ORIGIN_MAX + 1];

	return url_origin(a, origin, sizeof(origin)) && strcmp(origin, public_origin) == 0;
}

/* Appends the part of the URL in which this flow's provider responds. */
static enum err
take_answer(const char *query, const char *fragment, enum flow_response_type response_type,
	    struct buf *out)
{
	const char *taken = response_type == RESPONSE_TYPE_TOKEN ? fragment : query;

	/* a refusal may be in the query even so, despite RFC 6749 section 4.2.2.1 */
	if (taken == NULL && query != NULL && strstr(query, "error=") != NULL)
		taken = query;
	if (taken != NULL)
		return buf_puts(out, taken) == ERR_OK ? ERR_OK : ERR_QUERY_LONG;
	if (response_type == RESPONSE_TYPE_TOKEN)
		return ERR_PASTE_TOKEN;
	return fragment == NULL ? ERR_NO_CODE : ERR_PASTE_FRAGMENT;
}

/* Reads a response alone, with or without its '?' or '#'. */
static enum err
read_answer(const char *text, const struct flow *flow, struct buf *out)
{
	bool token = flow->response_type == RESPONSE_TYPE_TOKEN;

	if (text[0] == '?')
		return take_answer(text + 1, NULL, flow->response_type, out);
	if (text[0] == '#')
		return take_answer(NULL, text + 1, flow->response_type, out);
	if (strchr(text, '#') != NULL)
		return ERR_PASTE_FRAGMENT;
	return take_answer(token ? NULL : text, token ? text : NULL, flow->response_type, out);
}

static enum err
read_address(const struct url *a, const struct flow *flow, const char *public_origin,
	     struct buf *query)
{
	char origin[FLOW_ORIGIN_MAX + 1];
	bool ours = !a->has_user && (is_redirect_uri(a, flow) || is_public(a, public_origin));

	if (!ours && url_origin(a, origin, sizeof(origin)) &&
	    strcmp(origin, flow->authorize_origin) == 0)
		return ERR_PASTE_AUTHORIZE;
	if (!ours || strcmp(a->path, flow->redirect_path) != 0)
		return ERR_PASTE_SITE;
	return take_answer(a->query, a->fragment, flow->response_type, query);
}

static bool
has_scheme(const char *text)
{
	return memmem(text, strcspn(text, "?#"), "://", 3) != NULL;
}

/* Prepends a scheme to text and reads it as the URL of a callback. */
static enum err
read_with_scheme(const char *scheme, const char *text, const struct flow *flow,
		 const char *public_origin, struct buf *query)
{
	struct url a;
	struct buf whole;
	enum err err;

	buf_init(&whole, FORM_VALUE_MAX + 16);
	buf_printf(&whole, "%s%s", scheme, text);
	err = url_parse(buf_text(&whole), &a);
	if (err == ERR_OK)
		err = read_address(&a, flow, public_origin, query);
	url_free(&a);
	buf_free(&whole);
	return err;
}

static enum err
read_clean(const char *text, const struct flow *flow, const char *public_origin, struct buf *query)
{
	enum err err;

	if (is_answer(text, flow))
		return read_answer(text, flow, query);
	if (strstr(text, "://") == NULL && strpbrk(text, ":?") == NULL && is_bare_code(text))
		return ERR_PASTE_CODE;
	if (strpbrk(text, ".:/") == NULL)
		return ERR_PASTE_TEXT;
	if (has_scheme(text))
		return read_with_scheme("", text, flow, public_origin, query);
	/* browsers hide the scheme: the listener's is http, ours may be https */
	err = read_with_scheme("http://", text, flow, public_origin, query);
	if (err == ERR_PASTE_SITE)
		err = read_with_scheme("https://", text, flow, public_origin, query);
	return err;
}

enum err
pasted_text_read(const char *text, const struct flow *flow, const char *public_origin,
		 struct buf *query)
{
	size_t len = text == NULL ? 0 : strlen(text);
	struct buf clean;
	enum err err;

	if (text != NULL)
		trim(&text, &len);
	if (len == 0)
		return ERR_PASTE_EMPTY;
	buf_init(&clean, FORM_VALUE_MAX);
	err = clean_copy(text, len, &clean);
	if (err == ERR_OK)
		err = read_clean(buf_text(&clean), flow, public_origin, query);
	buf_free(&clean);
	return err;
}

enum err
pasted_text_authorize_url(const char *text, struct buf *url)
{
	static const char frame[] = "\xe2\x94\x82"; /* U+2502, drawn beside the URL */
	const char *start = text == NULL ? NULL : strstr(text, "http");
	size_t len;

	if (start == NULL)
		return ERR_ADOPT_TEXT;
	len = strlen(start);
	trim(&start, &len);
	for (size_t i = 0; i < len; i++) {
		if (strncmp(start + i, frame, sizeof(frame) - 1) == 0)
			i += sizeof(frame) - 2;
		else if ((unsigned char)start[i] >= 0x7f)
			return ERR_ADOPT_TEXT;
		else if (start[i] > ' ')
			buf_putc(url, start[i]);
	}
	return url->err == ERR_OK ? ERR_OK : ERR_ADOPT_TEXT;
}
