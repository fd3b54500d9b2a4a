#include "route/relay_route.h"

#include <string.h>

#include "config/relay_key.h"
#include "core/respond.h"
#include "flow/relay_state.h"
#include "util/clock.h"
#include "util/log.h"

/* A target and a query, with each byte of the inner state percent-encoded. */
#define LOCATION_MAX (CONFIG_RELAY_MAX + 1 + QUERY_MAX + 3 * RELAY_INNER_MAX)

/*
 * Checks that a site of the configuration wrapped this state. An unknown site takes as long as
 * a wrong key and gets the same response, so that nobody learns which sites there are.
 */
static enum err
prove(struct context *x, const struct relay_state *s, const struct config_site **site)
{
	const struct config *config = x->app->config;
	struct relay_pair pair = {.current = {{0}}};
	bool current, previous;
	enum err err = ERR_OK;

	*site = config_site_find(config, s->id);
	if (*site != NULL)
		err = relay_key_site(x->app->keys, *site, config, &pair);
	if (err != ERR_OK)
		return err;
	current = relay_state_proved(s, &pair.current);
	previous = relay_state_proved(s, &pair.previous);
	secret_wipe(&pair, sizeof(pair));
	if (*site != NULL && (current || previous))
		return ERR_OK;
	x->cause = *site == NULL ? "unknown-site" : "wrong-key";
	return ERR_RELAY_STATE;
}

static void
pass_on(struct context *x, const struct config_site *site, const char *inner)
{
	struct buf state, location;

	buf_init(&state, 3 * RELAY_INNER_MAX);
	buf_init(&location, LOCATION_MAX);
	query_encode(inner, strlen(inner), &state);
	buf_printf(&location, "%s?", site->target);
	query_replace_raw(x->request->query, "state", buf_text(&state), &location);
	if (state.err == ERR_OK && location.err == ERR_OK) {
		response_redirect(x->response, buf_text(&location));
		log_event(LOG_LEVEL_INFO, "relayed", "site", site->id, "client",
			  context_client(x)->address, NULL);
	} else {
		respond_problem(x, ERR_MEMORY);
	}
	buf_free(&location);
	buf_free(&state);
}

/* Checks in security order: nothing in a state is trusted before its MAC is verified. */
static enum err
relay_answer(struct context *x, const struct query *q, struct relay_state *s)
{
	const char *state = query_get(q, "state");
	const struct config_site *site;
	char inner[RELAY_INNER_MAX + 1];
	enum err err;

	if (state == NULL || !relay_state_read(state, s))
		return ERR_RELAY_SHAPE;
	x->relay_site = s->id;
	if ((err = prove(x, s, &site)) != ERR_OK)
		return err;
	if ((err = relay_state_open(s, clock_unix_seconds(), inner)) != ERR_OK)
		return err;
	pass_on(x, site, inner);
	secret_wipe(inner, sizeof(inner));
	return ERR_OK;
}

void
relay_route_get(struct context *x)
{
	const char *raw = x->request->query;
	struct relay_state s;
	struct query q;
	/* sizes, encoding, no parameter twice: RFC 6749 section 3.1 */
	enum err err = query_parse(&q, raw, strlen(raw), QUERY_STRING);

	if (err == ERR_OK)
		err = relay_answer(x, &q, &s);
	if (err != ERR_OK)
		respond_problem(x, err);
	x->relay_site = NULL; /* it points into s, which ends here */
	query_free(&q);
}
