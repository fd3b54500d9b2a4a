#include "opencode/call_slot.h"

enum err
call_slot_enter(struct app *app)
{
	if (atomic_fetch_add(&app->calls, 1) < app->calls_max)
		return ERR_OK;
	atomic_fetch_sub(&app->calls, 1);
	return ERR_BUSY;
}

void
call_slot_leave(struct app *app)
{
	atomic_fetch_sub(&app->calls, 1);
}
