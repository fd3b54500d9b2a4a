#include "signin/flow_list.h"

#include <string.h>

#include "signin/access.h"

static void
add(struct flow_list *list, const struct snapshot *snap)
{
	struct page_list_item *item = &list->item[list->count++];

	*item = (struct page_list_item){.kind = snap->flow.kind,
					.mcp = snap->flow.mcp,
					.response_type = snap->flow.response_type,
					.state = snap->state,
					.expires_in = snap->flow.expires - snap->now};
	memcpy(item->id, snap->flow.id, sizeof(item->id));
	flow_label(&snap->flow, item->provider);
}

enum err
flow_list(struct context *x, bool waiting_only, struct flow_list *out)
{
	struct store *store = x->app->store;
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	struct snapshot snap;
	enum claimant who;
	size_t found = 0;
	enum err err;

	out->count = 0;
	if (x->browser[0] == '\0')
		return ERR_OK;
	err = store->ops->list_browser(store, secret_key("browser", x->browser, NULL), id, &found);
	for (size_t i = 0; err == ERR_OK && i < found; i++)
		if (access_find(x, id[i], &snap, &who) == ERR_OK && who == CLAIMANT_OWNER &&
		    (!waiting_only || snap.state == FLOW_WAITING))
			add(out, &snap);
	return err;
}
