#include "http/cgi.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONTENT_LENGTH_DIGITS 18 /* fits int64_t */

/* Variables that are evaluated only after all have been read. */
enum variable {
	VAR_REQUEST_METHOD,
	VAR_REQUEST_URI,
	VAR_QUERY_STRING,
	VAR_SCRIPT_NAME,
	VAR_PATH_INFO,
	VAR_CONTENT_LENGTH,
	VAR_HTTPS,
	VAR_REQUEST_SCHEME,
	VAR_HTTP_TRANSFER_ENCODING,
	VAR_HTTP_PURPOSE,
	VAR_HTTP_COOKIE,
	VAR_COUNT /* none of these: a header, which goes straight into the request */
};

#define VARIABLE(name) \
	{ \
#name, sizeof(#name) - 1, VAR_##name, 0 \
	}
#define HEADER(name, member) \
	{ \
#name, sizeof(#name) - 1, VAR_COUNT, offsetof(struct request, member) \
	}

/*
 * All variables that we read, besides HTTP_X_OPENCODE_*. No other is looked at: HTTP_PROXY sets
 * nothing (CVE-2016-5385).
 */
static const struct {
	const char *name;
	size_t len;
	enum variable variable;
	size_t member;
} names[] = {
    VARIABLE(REQUEST_METHOD),
    VARIABLE(REQUEST_URI),
    VARIABLE(QUERY_STRING),
    VARIABLE(SCRIPT_NAME),
    VARIABLE(PATH_INFO),
    VARIABLE(CONTENT_LENGTH),
    VARIABLE(HTTPS),
    VARIABLE(REQUEST_SCHEME),
    VARIABLE(HTTP_TRANSFER_ENCODING),
    VARIABLE(HTTP_PURPOSE),
    VARIABLE(HTTP_COOKIE),
    HEADER(REMOTE_ADDR, remote_addr),
    HEADER(CONTENT_TYPE, content_type),
    HEADER(HTTP_HOST, host),
    HEADER(HTTP_ORIGIN, origin),
    HEADER(HTTP_AUTHORIZATION, authorization),
    HEADER(HTTP_ACCEPT, accept),
    HEADER(HTTP_ACCESS_CONTROL_REQUEST_METHOD, cors_method),
    HEADER(HTTP_ACCESS_CONTROL_REQUEST_HEADERS, cors_headers),
    HEADER(HTTP_SEC_FETCH_SITE, sec_fetch_site),
    HEADER(HTTP_SEC_FETCH_DEST, sec_fetch_dest),
    HEADER(HTTP_SEC_FETCH_MODE, sec_fetch_mode),
    HEADER(HTTP_SEC_PURPOSE, sec_purpose),
    HEADER(HTTP_X_FORWARDED_FOR, x_forwarded_for),
    HEADER(HTTP_X_FORWARDED_PROTO, x_forwarded_proto),
    HEADER(HTTP_X_FORWARDED_HOST, x_forwarded_host),
    HEADER(HTTP_X_REAL_IP, x_real_ip),
    HEADER(HTTP_CF_CONNECTING_IP, cf_connecting_ip),
    HEADER(HTTP_FORWARDED, forwarded),
};

static const char x_prefix[] = "HTTP_X_OPENCODE_";

static bool
header_ok(struct request *r, const char *value, size_t max)
{
	size_t len = strnlen(value, max + 1);

	if (len > max) {
		r->err = ERR_HEADER_LONG;
		return false;
	}
	/* RFC 9110 section 5.5; some go on to opencode, where a line end would start a header */
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			r->err = ERR_REQUEST;
			return false;
		}
	}
	return true;
}

/* Adds HTTP_X_OPENCODE_FOO_BAR as x-opencode-foo-bar. */
static void
read_x_opencode(struct cgi_meta *m, struct request *r, const char *name, size_t len,
		const char *value)
{
	const size_t skip = sizeof("HTTP_") - 1;
	char *out;

	if (r->x_opencode_count == REQUEST_X_MAX || len - skip > CGI_X_NAME_MAX) {
		r->err = ERR_HEADER_LONG;
		return;
	}
	if (!header_ok(r, value, HEADER_MAX))
		return;
	out = m->x_names[r->x_opencode_count];
	for (size_t i = skip; i < len; i++)
		*out++ = (char)(name[i] == '_' ? '-' : tolower((unsigned char)name[i]));
	*out = '\0';
	r->x_opencode[r->x_opencode_count] =
	    (struct header){m->x_names[r->x_opencode_count], value};
	r->x_opencode_count++;
}

/* Appends to m->cookie. False: there is no room for it. */
static bool
cookie_add(struct cgi_meta *m, const char *text)
{
	size_t len = strlen(text);

	if (len > COOKIE_HEADER_MAX - m->cookie_len)
		return false;
	memcpy(m->cookie + m->cookie_len, text, len + 1);
	m->cookie_len += len;
	return true;
}

/* Sets r->cookie, or joins the value to what is there. */
static void
read_cookie(struct cgi_meta *m, struct request *r, const char *value)
{
	if (!header_ok(r, value, COOKIE_HEADER_MAX))
		return;
	if (r->cookie == NULL) {
		r->cookie = value;
		return;
	}
	if ((m->cookie_len == 0 && !cookie_add(m, r->cookie)) || !cookie_add(m, "; ") ||
	    !cookie_add(m, value))
		r->err = ERR_HEADER_LONG;
	r->cookie = m->cookie;
}

static void
read_variable(struct cgi_meta *m, struct request *r, const char *values[], const char *variable)
{
	const char *equals = strchr(variable, '=');
	const char *value;
	size_t len;

	if (equals == NULL || equals[1] == '\0')
		return;
	len = (size_t)(equals - variable);
	value = equals + 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].len != len || memcmp(names[i].name, variable, len) != 0)
			continue;
		if (names[i].variable == VAR_HTTP_COOKIE)
			read_cookie(m, r, value);
		else if (names[i].variable != VAR_COUNT)
			values[names[i].variable] = value;
		else if (header_ok(r, value, HEADER_MAX))
			*(const char **)(void *)((char *)r + names[i].member) = value;
		return;
	}
	if (len >= sizeof(x_prefix) && memcmp(variable, x_prefix, sizeof(x_prefix) - 1) == 0)
		read_x_opencode(m, r, variable, len, value);
}

static void
read_content_length(struct request *r, const char *text)
{
	size_t len;

	r->content_length = -1;
	/* Caddy writes -1 if it knows no length, as of each request by HTTP/3 without a body */
	if (text == NULL || strcmp(text, "-1") == 0)
		return;
	len = strnlen(text, CONTENT_LENGTH_DIGITS + 1);
	if (len > CONTENT_LENGTH_DIGITS || strspn(text, "0123456789") != len) {
		r->err = ERR_REQUEST;
		return;
	}
	r->content_length = strtoll(text, NULL, 10);
}

/* Appends to m->path. False: it would be too long. */
static bool
path_add(struct cgi_meta *m, size_t *len, const char *text, size_t text_len)
{
	if (text_len > CGI_PATH_MAX - *len)
		return false;
	memcpy(m->path + *len, text, text_len);
	*len += text_len;
	m->path[*len] = '\0';
	return true;
}

/*
 * Copies the path as the browser sent it. REQUEST_URI may be in absolute form, which RFC 9112
 * section 3.2.2 obliges servers to accept; the Host header then names the host.
 */
static bool
cut_path(struct cgi_meta *m, const char *const values[VAR_COUNT], const char **query)
{
	const char *uri = values[VAR_REQUEST_URI];
	size_t len = 0, end;

	if (uri == NULL) {
		const char *script = values[VAR_SCRIPT_NAME], *info = values[VAR_PATH_INFO];

		return (script == NULL || path_add(m, &len, script, strlen(script))) &&
		       (info == NULL || path_add(m, &len, info, strlen(info)));
	}
	if (strncasecmp(uri, "http://", 7) == 0 || strncasecmp(uri, "https://", 8) == 0) {
		uri = strstr(uri, "://") + 3;
		uri += strcspn(uri, "/?");
		if (*uri != '/' && !path_add(m, &len, "/", 1))
			return false;
	}
	end = strcspn(uri, "?");
	if (*query == NULL && uri[end] == '?')
		*query = uri + end + 1;
	return path_add(m, &len, uri, end);
}

/*
 * Returns the mount point: the path of a program installed under its own name, such as
 * /cgi-bin/opencode-callback.cgi. The route follows it, and our links begin with it. NULL: none.
 * Some servers put the visitor's whole path into SCRIPT_NAME, where two slashes or a backslash
 * would make such a link name a host.
 */
static const char *
find_mount(const char *path, const char *script)
{
	static const char *const ends[] = {"/opencode-callback.cgi", "/opencode-callback.fcgi"};
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789/._~-";
	size_t len;

	if (script == NULL || script[0] != '/' || script[1] == '/')
		return NULL;
	len = strlen(script);
	if (strncmp(path, script, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end_len = strlen(ends[i]);

		if (len >= end_len && strcmp(script + len - end_len, ends[i]) == 0)
			return strspn(script, plain) == len ? script : NULL;
	}
	return NULL;
}

static bool
value_is(const char *value, const char *word)
{
	return value != NULL && strcasecmp(value, word) == 0;
}

void
cgi_request(struct cgi_meta *m, char *const *variables, struct request *r)
{
	const char *values[VAR_COUNT] = {NULL};
	const char *mount;

	*r = (struct request){
	    .method = "", .path = m->path, .query = "", .mount = "", .remote_addr = ""};
	m->path[0] = '\0';
	m->cookie_len = 0;
	for (; *variables != NULL; variables++)
		read_variable(m, r, values, *variables);

	read_content_length(r, values[VAR_CONTENT_LENGTH]);
	m->chunked = values[VAR_HTTP_TRANSFER_ENCODING] != NULL && r->content_length < 0;
	if (r->sec_purpose == NULL && values[VAR_HTTP_PURPOSE] != NULL &&
	    header_ok(r, values[VAR_HTTP_PURPOSE], HEADER_MAX))
		r->sec_purpose = values[VAR_HTTP_PURPOSE];
	r->https = value_is(values[VAR_HTTPS], "on") || value_is(values[VAR_HTTPS], "1") ||
		   value_is(values[VAR_REQUEST_SCHEME], "https");

	if (!cut_path(m, values, &values[VAR_QUERY_STRING]))
		r->err = ERR_PATH;
	else if (m->path[0] == '\0')
		r->err = ERR_REQUEST;
	if ((mount = find_mount(m->path, values[VAR_SCRIPT_NAME])) != NULL) {
		r->mount = mount;
		r->path += strlen(mount);
	}
	if (values[VAR_QUERY_STRING] != NULL)
		r->query = values[VAR_QUERY_STRING];
	if (values[VAR_REQUEST_METHOD] != NULL)
		r->method = values[VAR_REQUEST_METHOD];
	else
		r->err = ERR_REQUEST;
}

void
cgi_plain(struct response *r, int status, const char *text)
{
	response_start(r, status);
	response_header(r, "Content-Type", "text/plain; charset=utf-8");
	response_security_headers(r, "no-store");
	buf_puts(&r->body, text);
	buf_putc(&r->body, '\n');
}

enum err
cgi_response(const struct response *r, struct buf *out)
{
	if (r->head.err != ERR_OK || r->body.err != ERR_OK) {
		struct response plain;
		enum err err;

		response_init(&plain);
		cgi_plain(&plain, 500, "The answer could not be made; the log may say why.");
		plain.head_only = r->head_only;
		err = ERR_MEMORY;
		if (plain.head.err == ERR_OK && plain.body.err == ERR_OK)
			err = cgi_response(&plain, out);
		response_free(&plain);
		return err;
	}
	buf_puts(out, "Status: ");
	buf_number(out, (size_t)r->status);
	buf_putc(out, ' ');
	buf_puts(out, response_reason(r->status));
	buf_puts(out, "\r\n");
	buf_add(out, r->head.data, r->head.len);
	buf_puts(out, "Content-Length: ");
	buf_number(out, r->body.len);
	buf_puts(out, "\r\n\r\n");
	if (!r->head_only)
		buf_add(out, r->body.data, r->body.len);
	return out->err;
}
