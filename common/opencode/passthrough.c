#include "opencode/passthrough.h"

#include <string.h>
#include <strings.h>

#include "core/respond.h"
#include "core/same_origin.h"
#include "http/cookie.h"
#include "opencode/credentials.h"
#include "opencode/opencode.h"

/* Returns whether a header of opencode's reply goes back to the browser. */
static bool
header_returns(const struct call_field *f)
{
	static const char *const names[] = {"content-type", "vary", "www-authenticate", "allow"};
	static const char cors[] = "access-control-";
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";

	if (f->name_len > sizeof(cors) - 1 && strncasecmp(f->name, cors, sizeof(cors) - 1) == 0)
		return strspn(f->name, bytes) == f->name_len;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == f->name_len &&
		    strncasecmp(f->name, names[i], f->name_len) == 0)
			return true;
	return false;
}

void
passthrough_respond(struct context *x, const struct call_reply *reply, const char *json)
{
	struct call_field f;
	const char *pos = NULL;
	struct buf name, value;

	/* the browser must not be asked for a password that it is not to have */
	if (reply->status == 401 && x->site.opencode->login == LOGIN_OWN) {
		respond_api_problem(x, ERR_CREDENTIALS);
		return;
	}
	response_start(x->response, reply->status);
	buf_init(&name, HEADER_MAX);
	buf_init(&value, HEADER_MAX);
	while (call_next_field(reply, &pos, &f)) {
		if (!header_returns(&f))
			continue;
		buf_free(&name);
		buf_free(&value);
		buf_add(&name, f.name, f.name_len);
		buf_add(&value, f.value, f.value_len);
		if (name.err == ERR_OK && value.err == ERR_OK)
			response_header(x->response, buf_text(&name), buf_text(&value));
	}
	buf_free(&name);
	buf_free(&value);
	response_security_headers(x->response, "no-store");
	if (json != NULL)
		buf_puts(&x->response->body, json);
	else
		buf_add(&x->response->body, buf_text(&reply->body), reply->body.len);
}

/* Returns whether one parameter of a query may be the visitor's login, which opencode reads before
 * the header. What cannot be parsed may be anything. */
static bool
is_login(const char *parameter, size_t len)
{
	struct query q;
	bool login = query_parse(&q, parameter, len, QUERY_STRING) != ERR_OK ||
		     query_get(&q, "auth_token") != NULL;

	query_free(&q);
	return login;
}

/* Appends path and query; without the visitor's login where only our own counts. */
static enum err
add_target(const struct context *x, struct buf *target)
{
	const char *query = x->request->query;
	char mark = '?';

	buf_puts(target, x->request->path);
	if (x->site.opencode->login == LOGIN_VISITOR)
		return query[0] == '\0' ? target->err : buf_printf(target, "?%s", query);
	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		if (!is_login(query, len)) {
			buf_putc(target, mark);
			buf_add(target, query, len);
			mark = '&';
		}
		query += len + (query[len] == '&');
	}
	return target->err;
}

enum err
passthrough_send(struct context *x, const struct buf *body, bool session, struct call_reply *reply)
{
	const struct request *r = x->request;
	struct call call = {.method = r->method, .session = session && opencode_has_session(x)};
	struct credentials credentials;
	struct buf target, cookie;
	enum err err;

	*reply = (struct call_reply){.status = 0};
	buf_init(&target, QUERY_MAX + 2048);
	buf_init(&cookie, HEADER_MAX);
	err = add_target(x, &target);
	if (err == ERR_OK && cookie_others(r->cookie, &cookie) == ERR_MEMORY)
		err = ERR_MEMORY;
	if (err == ERR_OK) {
		call.target = buf_text(&target);
		call.body = body == NULL ? NULL : buf_text(body);
		call.body_len = body == NULL ? 0 : body->len;
		credentials_visitor(x, &credentials);
		if (credentials.authorization[0] != '\0')
			call_header(&call, "Authorization", credentials.authorization);
		call_header(&call, "Content-Type", r->content_type);
		call_header(&call, "Accept", r->accept);
		call_header(&call, "Sec-Fetch-Mode", r->sec_fetch_mode);
		if (!call.session || !same_origin_is(&x->site, r))
			call_header(&call, "Origin", r->origin);
		call_header(&call, "Access-Control-Request-Method", r->cors_method);
		call_header(&call, "Access-Control-Request-Headers", r->cors_headers);
		/* opencode_send() adds opencode's own to the call of a session */
		if (!call.session && x->site.opencode->login == LOGIN_VISITOR)
			call_header(&call, "Cookie",
				    cookie.err != ERR_OK || cookie.len == 0 ? NULL
									    : buf_text(&cookie));
		for (size_t i = 0; i < r->x_opencode_count; i++)
			call_header(&call, r->x_opencode[i].name, r->x_opencode[i].value);
		err = opencode_send(x, &call, reply);
		credentials_wipe(&credentials);
	}
	buf_free(&target);
	buf_free(&cookie);
	return err;
}
