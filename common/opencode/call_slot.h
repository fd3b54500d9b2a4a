/*
 * Limits how many calls to opencode run at once, so that some threads stay free for requests that
 * need no opencode.
 */
#ifndef CALL_SLOT_H
#define CALL_SLOT_H

#include "core/context.h"

/* Takes a slot. ERR_BUSY: none is free. Give it back with call_slot_leave(). call_slot_spare()
 * takes one only if half of them are free: for a call that a later request can make as well. */
enum err call_slot_enter(struct app *app) MUST_CHECK;
enum err call_slot_spare(struct app *app) MUST_CHECK;
void call_slot_leave(struct app *app);

#endif
