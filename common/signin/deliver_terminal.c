#include "signin/deliver_terminal.h"

#include <string.h>
#include <strings.h>

#include "flow/url.h"
#include "opencode/opencode.h"

#define FOLLOW_MS 2000

/* Copies the value of a reply's Location header to out. False: there is none. */
static bool
read_location(const struct call_reply *reply, struct buf *out)
{
	static const char name[] = "location";
	struct call_field field;
	const char *pos = NULL;

	while (call_next_field(reply, &pos, &field))
		if (field.name_len == sizeof(name) - 1 &&
		    strncasecmp(field.name, name, field.name_len) == 0)
			return buf_add(out, field.value, field.value_len) == ERR_OK;
	return false;
}

/* Appends the path and query of a URL at the flow's own listener. False: it is elsewhere. */
static bool
add_target(const struct flow *flow, const char *location, struct buf *out)
{
	struct url url;
	bool own;

	if (location[0] == '/' && location[1] != '/')
		return buf_puts(out, location) == ERR_OK;
	if (url_parse(location, &url) != ERR_OK)
		return false;
	own = strcmp(url.scheme, "http") == 0 && url_is_loopback(url.host) && !url.has_user &&
	      url.port_given && url.port == flow->redirect_port;
	if (own)
		buf_printf(out, "%s%s%s", url.path, url.query == NULL ? "" : "?",
			   url.query == NULL ? "" : url.query);
	url_free(&url);
	return own && out->err == ERR_OK;
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
	if (reply->status >= 301 && reply->status <= 308 && read_location(reply, &location) &&
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
