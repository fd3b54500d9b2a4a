/*
 * The sign-ins that wait when an input starts. Their states and cookies are words
 * that stand nowhere else, so that they are seen wherever they get to.
 */
#ifndef PLANTED_H
#define PLANTED_H

#include "flow/flow.h"
#include "fuzz.h"
#include "store/store.h"

#define PLANTED_COUNT 8
#define PLANTED_LIFE  300

struct planted {
	const char *state;  /* NULL: its provider sends none */
	const char *cookie; /* of the browser that it is bound to, or offered to */
	struct flow flow;   /* all but id, browser and times */
};

extern struct planted planted[PLANTED_COUNT];

/* Once per process: fills in the ids. */
void planted_init(void);

/* Records them, in an empty store, beginning now; those that the text does not mention only if they
 * are among the first two. */
void planted_add(struct store *store, const struct piece *text);

#endif
