#include "signin/deliver_terminal.h"

#include <string.h>
#include <strings.h>

#include "flow/url.h"
#include "opencode/opencode.h"

#define FOLLOW_MS 2000

static size_t
fragment_start(const struct call_field *field)
{
	const char *hash = memchr(field->value, '#', field->value_len);

	return hash == NULL ? field->value_len : (size_t)(hash - field->value);
}

/* Copies the value of a reply's Location header to out, without a fragment, which stays in the
 * browser. False: there is none. */
static bool
read_location(const struct call_reply *reply, struct buf *out)
{
	static const char name[] = "location";
	struct call_field field;
	const char *pos = NULL;

	while (call_next_field(reply, &pos, &field))
		if (field.name_len == sizeof(name) - 1 &&
		    strncasecmp(field.name, name, field.name_len) == 0)
			return buf_add(out, field.value, fragment_start(&field)) == ERR_OK;
	return false;
}

/* Appends the target of a relative reference (RFC 3986 section 5.2), without dot segments. */
static bool
add_relative(const struct flow *flow, const char *reference, struct buf *out)
{
	const char *slash = strrchr(flow->redirect_path, '/');

	if (reference[0] == '/')
		return reference[1] != '/' && buf_puts(out, reference) == ERR_OK;
	if (reference[0] == '?')
		buf_puts(out, flow->redirect_path);
	else if (slash != NULL && reference[0] != '.')
		buf_add(out, flow->redirect_path, (size_t)(slash + 1 - flow->redirect_path));
	else
		return false;
	return buf_puts(out, reference) == ERR_OK;
}

/* Appends the path and query of a reference to the flow's own listener. False: it is elsewhere. */
static bool
add_target(const struct flow *flow, const char *reference, struct buf *out)
{
	struct url url;
	bool own;

	if (strcspn(reference, ":") >= strcspn(reference, "/?"))
		return add_relative(flow, reference, out);
	if (url_parse(reference, &url) != ERR_OK)
		return false;
	own = strcmp(url.scheme, "http") == 0 && url_is_loopback(url.host) && !url.has_user &&
	      url.port_given && url.port == flow->redirect_port;
	if (own)
		buf_printf(out, "%s%s%s", url.path, url.query == NULL ? "" : "?",
			   url.query == NULL ? "" : url.query);
	url_free(&url);
	return own && out->err == ERR_OK;
}

/* Returns whether the status sends the browser on with a GET that it may make by itself. */
static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/*
 * Goes where the listener sends the browser next, if that is the listener itself: some programs
 * wait for a last visit, to a page that says "success", before they end. What comes of it does not
 * matter any more.
 */
static void
follow(const struct delivery *d, const struct call_reply *reply)
{
	struct call call = {.method = "GET", .timeout_ms = FOLLOW_MS};
	struct call_reply next = {.status = 0};
	struct buf location, target;

	buf_init(&location, CALL_HEAD_MAX);
	buf_init(&target, CALL_HEAD_MAX);
	if (is_redirect(reply->status) && read_location(reply, &location) &&
	    add_target(d->flow, buf_text(&location), &target)) {
		call.target = buf_text(&target);
		(void)!opencode_listener_send(d->x, d->flow, &call, &next);
	}
	call_reply_free(&next);
	buf_free(&location);
	buf_free(&target);
}

void
deliver_terminal(struct delivery *d)
{
	struct call_reply reply = {.status = 0};

	delivery_listener(d, &reply);
	if (d->outcome.err == ERR_OK && d->outcome.state == FLOW_DELIVERING) {
		follow(d, &reply);
		d->outcome = (struct outcome){.state = FLOW_DONE, .reason = REASON_UNCONFIRMED};
	}
	call_reply_free(&reply);
}
