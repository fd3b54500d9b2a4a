#include "route/callback_route.h"

#include <string.h>

#include "core/respond.h"
#include "route/flow_route.h"
#include "signin/access.h"
#include "signin/authorization_response.h"
#include "signin/flow_list.h"

/* Checks in security order. After a failure the flow still waits, and opencode got nothing. */
static enum err
receive(struct context *x, struct authorization_response *response)
{
	struct snapshot snap;
	enum claimant who;
	enum err err;

	if (!x->site.usable)
		return ERR_NEEDS_HTTPS;
	/* sizes, encoding, duplicates, required parameters: RFC 6749 sections 3.1, 4.1.2 */
	if ((err = authorization_response_read(response, x->request->query, NULL)) != ERR_OK)
		return err;
	/* a state that we know: RFC 6749 section 10.12 */
	if ((err = access_find(x, response->id, &snap, &who)) != ERR_OK)
		return err;
	/*
	 * on the redirect URI of the flow: RFC 9700 section 4.4. A relay's is the same for all
	 * providers, and only the relay knows to which of our paths it redirects; there iss has
	 * to tell the providers apart.
	 */
	if (!flow_relayed(&snap.flow) && !config_path_is(x->request->path, snap.flow.redirect_path))
		return ERR_UNKNOWN_FLOW;
	/* the response type that was requested */
	if (snap.flow.response_type != RESPONSE_TYPE_CODE && !response->declined)
		return ERR_RESPONSE_MODE;
	/* in the browser that began the flow: RFC 9700 section 4.7.1 */
	if (who == CLAIMANT_OTHER || (who == CLAIMANT_ASK && snap.state != FLOW_WAITING))
		return ERR_UNKNOWN_FLOW;
	if (who == CLAIMANT_ASK) {
		flow_route_ask(x, &snap, response->raw);
		return ERR_OK;
	}
	x->uncounted = true;
	/* once, and in time */
	if (snap.state == FLOW_WAITING)
		return flow_route_finish(x, &snap, response, false);
	respond_flow(x, response->id);
	return ERR_OK;
}

/* Not inlined: a list takes many pages of stack, which other callbacks do not need. */
static void __attribute__((noinline)) answer_listing(struct context *x, enum err err)
{
	struct flow_list waiting;
	struct page_list list = {waiting.item, 0};

	if (flow_list(x, true, &waiting) == ERR_OK)
		list.count = waiting.count;
	respond_problem_listing(x, err, &list);
}

/*
 * An edited URL may have lost its authorization response, which stood behind a '#'. The page
 * then lists this browser's own sign-ins, on whose pages the response can be pasted.
 */
static void
answer_refused(struct context *x, enum err err)
{
	if (err == ERR_NO_STATE || err == ERR_NO_CODE || err == ERR_RESPONSE_MODE)
		answer_listing(x, err);
	else
		respond_problem(x, err);
}

void
callback_route_get(struct context *x)
{
	struct authorization_response response = {.raw = ""};
	enum err err = receive(x, &response);

	if (err != ERR_OK)
		answer_refused(x, err);
	authorization_response_free(&response);
}
