#include "signin/code_alone.h"

#include <string.h>

#include "flow/pasted_text.h"
#include "flow/url.h"
#include "http/query.h"

/* Appends the state of an authorize URL, if its provider will hold the code to this sign-in. */
static enum err
add_state(const struct flow *flow, const struct url *url, struct buf *query)
{
	struct query q = {.count = 0};
	const char *challenge, *state;
	enum err err;

	if (url->query == NULL)
		return ERR_PASTE_CODE_ALONE;
	if ((err = query_parse(&q, url->query, strlen(url->query), QUERY_REPEATED)) != ERR_OK)
		return err == ERR_MEMORY ? err : ERR_PASTE_CODE_ALONE;
	challenge = query_get(&q, "code_challenge");
	state = query_get(&q, "state");
	if (challenge == NULL || challenge[0] == '\0' || (state == NULL && !flow->stateless)) {
		err = ERR_PASTE_CODE_ALONE;
	} else if (!flow->stateless) {
		buf_puts(query, "&state=");
		query_encode(state, strlen(state), query);
		err = query->err == ERR_TOO_LARGE ? ERR_PASTE_LONG : query->err;
	}
	query_free(&q);
	return err;
}

enum err
code_alone_read(const struct context *x, const struct flow *flow, const char *text,
		struct buf *query)
{
	struct store *store = x->app->store;
	struct url parts;
	struct buf url;
	enum err err;

	if (flow->direct || flow->response_type != RESPONSE_TYPE_CODE)
		return ERR_PASTE_CODE;
	if ((err = pasted_text_code(text, query)) != ERR_OK)
		return err;
	buf_init(&url, FLOW_URL_MAX);
	err = store->ops->authorize_url(store, flow->id, &url);
	if (err == ERR_OK && (err = url_parse(buf_text(&url), &parts)) == ERR_OK) {
		err = add_state(flow, &parts, query);
		url_free(&parts);
	}
	buf_free(&url);
	return err;
}
