/*
 * Delivers to a program that began its sign-in by itself, such as opencode auth login: to its
 * listener, and nowhere else.
 */
#ifndef DELIVER_TERMINAL_H
#define DELIVER_TERMINAL_H

#include "signin/delivery.h"

/* Does so. The program shows the result itself: the flow is done, but unconfirmed. */
void deliver_terminal(struct delivery *d);

#endif
