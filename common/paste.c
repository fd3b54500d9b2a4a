#include "paste.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "origin.h"
#include "query.h"
#include "secret.h"

/* Cuts off what mail programs, terminals and people put around an address. */
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

/* Line ends inside an address come from narrow windows. Other blanks mean that it is no address. */
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
 * A query alone: "?code=…&state=…" or "code=…&state=…". The state is the proof,
 * so it is enough. In an address, ':' or '/' comes before the first '='.
 */
static bool
is_query(const char *text)
{
	size_t special = strcspn(text, "=:/?#");

	return text[0] == '?' || (text[special] == '=' && strstr(text, "state=") != NULL);
}

/* A code without anything around it: one word of URL-safe characters. */
static bool
is_bare_code(const char *text)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-_.~+/=%";

	return strlen(text) >= 6 && text[strspn(text, bytes)] == '\0' && strchr(text, '.') != text;
}

static bool
is_redirect_uri(const struct address *a, const struct flow *flow)
{
	return strcmp(a->scheme, "http") == 0 && address_is_loopback(a->host) && a->port_given &&
	       a->port == flow->redirect_port;
}

static bool
is_public(const struct address *a, const char *public_origin)
{
	char origin[ORIGIN_MAX + 1];

	return address_origin(a, origin, sizeof(origin)) && strcmp(origin, public_origin) == 0;
}

static enum err
read_address(const struct address *a, const struct flow *flow, const char *public_origin,
	     struct buf *query)
{
	char origin[FLOW_ORIGIN_MAX + 1];
	bool ours = !a->has_user && (is_redirect_uri(a, flow) || is_public(a, public_origin));

	if (!ours && address_origin(a, origin, sizeof(origin)) &&
	    strcmp(origin, flow->authorize_origin) == 0)
		return ERR_PASTE_AUTHORIZE;
	if (!ours || strcmp(a->path, flow->redirect_path) != 0)
		return ERR_PASTE_SITE;
	if (a->query == NULL && a->has_fragment)
		return ERR_PASTE_FRAGMENT;
	if (a->query == NULL)
		return ERR_NO_CODE;
	return buf_puts(query, a->query) == ERR_OK ? ERR_OK : ERR_QUERY_LONG;
}

static bool
has_scheme(const char *text)
{
	return memmem(text, strcspn(text, "?#"), "://", 3) != NULL;
}

/* Reads text, with a scheme put before it, as the address of a callback. */
static enum err
read_with_scheme(const char *scheme, const char *text, const struct flow *flow,
		 const char *public_origin, struct buf *query)
{
	struct address a;
	struct buf whole;
	enum err err;

	buf_init(&whole, FORM_VALUE_MAX + 16);
	buf_printf(&whole, "%s%s", scheme, text);
	err = address_parse(buf_text(&whole), &a);
	if (err == ERR_OK)
		err = read_address(&a, flow, public_origin, query);
	address_free(&a);
	buf_free(&whole);
	return err;
}

static enum err
read_clean(const char *text, const struct flow *flow, const char *public_origin, struct buf *query)
{
	enum err err;

	if (is_query(text)) {
		if (strchr(text, '#') != NULL)
			return ERR_PASTE_FRAGMENT;
		return buf_puts(query, text[0] == '?' ? text + 1 : text) == ERR_OK ? ERR_OK
										   : ERR_QUERY_LONG;
	}
	if (strstr(text, "://") == NULL && strpbrk(text, ":?") == NULL && is_bare_code(text))
		return ERR_PASTE_CODE;
	if (strpbrk(text, ".:/") == NULL)
		return ERR_PASTE_TEXT;
	if (has_scheme(text))
		return read_with_scheme("", text, flow, public_origin, query);
	/* browsers hide the scheme: the listener's is http, our own may be https */
	err = read_with_scheme("http://", text, flow, public_origin, query);
	if (err == ERR_PASTE_SITE)
		err = read_with_scheme("https://", text, flow, public_origin, query);
	return err;
}

enum err
paste_read(const char *text, const struct flow *flow, const char *public_origin, struct buf *query)
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
