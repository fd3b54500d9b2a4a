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

/* A query alone: "?code=…&state=…" or "code=…&state=…". The state is the proof, so it is enough. */
static bool
is_query(const char *text)
{
	if (text[0] == '?')
		return true;
	return strncmp(text, "code=", 5) == 0 || strncmp(text, "state=", 6) == 0 ||
	       strncmp(text, "error=", 6) == 0 || strncmp(text, "scope=", 6) == 0 ||
	       strncmp(text, "iss=", 4) == 0;
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

/* An address needs its scheme to be read as one. */
static enum err
parse_with_scheme(const char *text, struct address *a)
{
	struct buf with;
	enum err err;

	if (strstr(text, "://") != NULL && strcspn(text, ":") < strcspn(text, "?#"))
		return address_parse(text, a);
	buf_init(&with, FORM_VALUE_MAX + 16);
	buf_printf(&with, "http://%s", text);
	err = address_parse(buf_text(&with), a);
	buf_free(&with);
	return err;
}

static enum err
read_clean(const char *text, const struct flow *flow, const char *public_origin, struct buf *query)
{
	struct address a;
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
	err = parse_with_scheme(text, &a);
	if (err == ERR_OK)
		err = read_address(&a, flow, public_origin, query);
	address_free(&a);
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
