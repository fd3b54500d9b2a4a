#include "signin/access.h"

#include <string.h>

#include "util/secret.h"

enum err
access_find(struct context *x, const char *id, struct snapshot *snap, enum claimant *who)
{
	struct store *store = x->app->store;
	enum err err = store->ops->find(store, id, snap);

	*who = CLAIMANT_OTHER;
	if (err != ERR_OK)
		return err;
	if (strcmp(snap->flow.opencode, x->site.opencode->name) != 0)
		return ERR_UNKNOWN_FLOW;
	if (!snap->bound && x->browser[0] != '\0' && secret_equal(snap->browser, x->browser)) {
		err = store->ops->bind(store, id, x->browser);
		if (err == ERR_TAKEN) /* somebody has just confirmed it */
			err = store->ops->find(store, id, snap);
		else if (err == ERR_OK)
			snap->bound = true;
		if (err != ERR_OK)
			return err;
	}
	if (!snap->bound)
		*who = CLAIMANT_ASK;
	else if (x->browser[0] != '\0' && secret_equal(snap->browser, x->browser))
		*who = CLAIMANT_OWNER;
	return ERR_OK;
}
