/*
 * How many calls to opencode may run at once, so that some threads stay free for answers that need
 * no opencode.
 */
#ifndef CALL_SLOT_H
#define CALL_SLOT_H

#include "core/context.h"

/* Takes one of the slots. ERR_BUSY: none is free. Give it back with call_slot_leave(). */
enum err call_slot_enter(struct app *app) MUST_CHECK;
void call_slot_leave(struct app *app);

#endif
