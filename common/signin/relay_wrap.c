#include "signin/relay_wrap.h"

#include <string.h>

#include "config/relay_key.h"
#include "flow/relay_state.h"
#include "util/clock.h"
#include "util/log.h"

static enum err
not_wrapped(const char *why)
{
	log_event(LOG_LEVEL_WARNING, "relay-not-wrapped", "why", why, NULL);
	return ERR_UNRECORDED;
}

/* Returns where the query of an authorize URL begins, and its length. */
static const char *
query_of(const char *url, size_t *len)
{
	const char *mark = strchr(url, '?');

	*len = mark == NULL ? 0 : strcspn(mark + 1, "#");
	return mark == NULL ? url + strlen(url) : mark + 1;
}

/* Returns why the query does not show the state that the provider will send back, or NULL. */
static const char *
hidden(const struct query *q)
{
	const char *state = query_get(q, "state"), *type = query_get(q, "response_type");

	/* parameters inside take precedence over those beside: RFC 9101 section 6.3, RFC 9126 */
	if (query_get(q, "request") != NULL)
		return "request-object";
	if (query_get(q, "request_uri") != NULL)
		return "request-uri";
	if (state == NULL || state[0] == '\0')
		return "no-state";
	/* a browser sends a fragment to nobody, so not to the relay */
	return type != NULL && strcmp(type, "token") == 0 ? "answer-in-fragment" : NULL;
}

/* Returns when the flow expires, in Unix seconds: the clock that site and relay share. */
static int64_t
expiry_of(const struct context *x, const struct flow *flow)
{
	struct store *store = x->app->store;

	return clock_unix_seconds() + flow->expires - store->ops->now(store);
}

/* Appends url with its state wrapped. q is its query. */
static enum err
wrap(struct context *x, const struct flow *flow, const struct query *q, const char *url,
     struct buf *out)
{
	const struct config *config = x->app->config;
	char wrapped[RELAY_STATE_MAX + 1];
	struct relay_key key;
	struct buf query;
	const char *raw;
	size_t len;
	enum err err = relay_key_own(x->app->keys, config, &key);

	if (err != ERR_OK)
		return err;
	err = relay_state_wrap(&key, config->relay_id, expiry_of(x, flow), query_get(q, "state"),
			       wrapped);
	secret_wipe(&key, sizeof(key));
	if (err != ERR_OK)
		return not_wrapped("too-long");
	raw = query_of(url, &len);
	buf_init(&query, FLOW_URL_MAX);
	buf_add(&query, raw, len);
	buf_add(out, url, (size_t)(raw - url));
	query_replace_raw(buf_text(&query), "state", wrapped, out);
	buf_puts(out, raw + len);
	err = query.err != ERR_OK ? query.err : out->err;
	buf_free(&query);
	return err == ERR_TOO_LARGE ? not_wrapped("url-too-long") : err;
}

enum err
relay_wrap(struct context *x, const struct flow *flow, const char *url, struct buf *out)
{
	struct query q;
	const char *why;
	size_t len;
	const char *raw = query_of(url, &len);
	enum err err = query_parse(&q, raw, len, QUERY_STRING);

	if (err == ERR_OK && (why = hidden(&q)) != NULL)
		err = not_wrapped(why);
	if (err == ERR_OK)
		err = wrap(x, flow, &q, url, out);
	query_free(&q);
	return err;
}

void
relay_wrap_missed(struct context *x, const char *url)
{
	struct query q;
	size_t len;
	const char *raw = query_of(url, &len), *why, *redirect_uri;

	if (query_parse(&q, raw, len, QUERY_STRING) == ERR_OK && (why = hidden(&q)) != NULL) {
		redirect_uri = query_get(&q, "redirect_uri");
		if (redirect_uri == NULL ? strncmp(why, "request", 7) == 0
					 : strcmp(redirect_uri, x->app->config->relay_via) == 0)
			(void)not_wrapped(why);
	}
	query_free(&q);
}
