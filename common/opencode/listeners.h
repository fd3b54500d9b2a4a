/*
 * Finds the port on which opencode itself waits for a sign-in whose redirect URI is public: the
 * plugin lists the ports of opencode's process, before the begin and after it.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include "core/context.h"

#define LISTENERS_MAX 64

struct listeners {
	bool known; /* the plugin can tell */
	int port[LISTENERS_MAX];
	size_t count;
};

/* Asks the plugin. Without one, or if it does not tell, known is false. */
void listeners_ask(const struct context *x, struct listeners *out);

/* Returns the one port that is new; 0: none is, or several are. */
int listeners_new(const struct listeners *before, const struct listeners *after);

#endif
