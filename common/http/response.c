#include "http/response.h"

#include <stdbool.h>
#include <stddef.h>

void
response_init(struct response *r)
{
	*r = (struct response){.status = 200};
	buf_init(&r->head, RESPONSE_HEAD_MAX);
	buf_init(&r->body, RESPONSE_BODY_MAX);
}

void
response_free(struct response *r)
{
	buf_free(&r->head);
	buf_free(&r->body);
}

void
response_start(struct response *r, int status)
{
	buf_clear(&r->head);
	buf_clear(&r->body);
	r->status = status;
}

static bool
header_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

enum err
response_header(struct response *r, const char *name, const char *value)
{
	if (!header_clean(name) || !header_clean(value)) {
		buf_free(&r->head);
		r->head.err = ERR_REQUEST;
		return ERR_REQUEST;
	}
	buf_puts(&r->head, name);
	buf_add(&r->head, ": ", 2);
	buf_puts(&r->head, value);
	return buf_add(&r->head, "\r\n", 2);
}

static void
add_headers(struct response *r, const char *cache, const char *referrer)
{
	response_header(r, "Cache-Control", cache);
	buf_puts(
	    &r->head,
	    "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; "
	    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
	    "frame-ancestors 'none'\r\n");
	response_header(r, "Referrer-Policy", referrer);
	buf_puts(&r->head, "X-Content-Type-Options: nosniff\r\n"
			   "X-Frame-Options: DENY\r\n");
}

void
response_security_headers(struct response *r, const char *cache)
{
	add_headers(r, cache, "no-referrer");
}

void
response_page_headers(struct response *r, const char *referrer)
{
	add_headers(r, "no-store", referrer);
}

void
response_redirect(struct response *r, const char *path)
{
	response_start(r, 303);
	response_header(r, "Location", path);
	response_security_headers(r, "no-store");
}

const char *
response_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
	    {200, "OK"},
	    {204, "No Content"},
	    {303, "See Other"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {409, "Conflict"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {421, "Misdirected Request"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}
