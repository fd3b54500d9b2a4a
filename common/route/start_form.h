/*
 * Reads what was entered for a sign-in method from a form of the start page (page_start.h):
 *
 *   input.KEY                    a text; of a box that is ticked, "true"
 *   pick.KEY.N                   one of several options that are ticked
 *   type.KEY                     the type that opencode wants, if not a text
 *   when.KEY.N, unless.KEY.N     "OTHER<tab>VALUE": opencode wants an answer for KEY only when, or
 *                                unless, that for OTHER is VALUE
 */
#ifndef START_FORM_H
#define START_FORM_H

#include <jansson.h>
#include <stdbool.h>

#include "http/query.h"

/* Returns whether the form (NULL: none) asks for anything, filled in or not. */
bool start_form_asks(const struct query *form);

/* Returns the texts by key, as opencode 1 takes them. Release with json_decref(). */
json_t *start_form_inputs(const struct query *form);

/* Returns the same with their types, without what was left empty or is not wanted, as opencode 2
 * takes them. Release with json_decref(). */
json_t *start_form_answer(const struct query *form);

#endif
