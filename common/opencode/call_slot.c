#include "opencode/call_slot.h"

static enum err
enter(struct app *app, int max)
{
	if (atomic_fetch_add(&app->calls, 1) < max)
		return ERR_OK;
	atomic_fetch_sub(&app->calls, 1);
	return ERR_BUSY;
}

enum err
call_slot_enter(struct app *app)
{
	return enter(app, app->calls_max);
}

enum err
call_slot_spare(struct app *app)
{
	return enter(app, (app->calls_max + 1) / 2);
}

void
call_slot_leave(struct app *app)
{
	atomic_fetch_sub(&app->calls, 1);
}
