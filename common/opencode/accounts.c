#include "opencode/accounts.h"

#include "opencode/api/api_find.h"
#include "opencode/call_slot.h"
#include "util/log.h"

/* What to read, and the list that it goes to. */
struct reading {
	const struct flow *project;
	struct account_list *list;
};

static enum err
read_list(const struct context *x, const struct opencode_api *api, void *ctx)
{
	struct reading *reading = ctx;

	account_list_clear(reading->list); /* of what another interface may have left */
	return api->list(x, reading->project, reading->list);
}

enum err
accounts_read(const struct context *x, const struct flow *project, struct account_list **out)
{
	struct reading reading = {project, *out = account_list_new()};
	enum err err;

	if (*out == NULL)
		return ERR_MEMORY;
	if ((err = call_slot_enter(x->app)) != ERR_OK)
		return err;
	err = api_find_run(x, read_list, &reading);
	call_slot_leave(x->app);
	if (err == ERR_OK && (*out)->cut)
		log_event(LOG_LEVEL_WARNING, "start-page-cut", "hint",
			  "opencode lists more than the start page can show", NULL);
	return err;
}
