/*
 * The generations of opencode that the doctor knows, and what differs between them. Which one
 * answers is read from its answers, never from a version number.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include <stdbool.h>

#include "util/buf.h"

enum generation {
	GENERATION_UNKNOWN,
	GENERATION_1,
	GENERATION_2,
	GENERATION_COUNT,
};

struct generation_terms {
	const char *name;      /* "opencode 1" */
	const char *events;    /* the path of its event stream */
	const char *terminals; /* the path of its terminals */
	const char *envelope;  /* the member of its answers with the content; NULL: all of it */
	bool tickets;	     /* it gives tickets for terminals, and then compares Origin and Host */
	bool locked;	     /* it always has a password */
	const char *setting; /* the line of opencode.json that loads our plugin */
	const char *remark;  /* about that line; "": none */
};

/* Returns the terms of a generation. Of an unknown one only name, setting and remark are set. */
const struct generation_terms *generation_terms(enum generation generation);

/* What the answers have told so far. Begins with zeros. */
struct generation_look {
	enum generation found;
	bool challenged; /* an answer had status 401 */
	bool page;	 /* the first path was answered, but not as opencode 1 does */
};

/* The paths to ask with GET, in this order, until one of the answers tells the generation. A NULL
 * ends them. */
extern const char *const generation_paths[];

/* Adds what the answer to one of these paths tells. status: 0 if there was none. */
void
generation_read(struct generation_look *look, const char *path, int status, const struct buf *body);

#endif
