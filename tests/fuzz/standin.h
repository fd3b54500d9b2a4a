/*
 * A stand-in for opencode and its listeners: a thread behind a Unix socket that
 * gives the replies that it was told to give, and remembers what it was asked.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include "fuzz.h"

#define STANDIN_CALLS_MAX 256 /* of one input; beyond, only counted */

/* One request that came in; texts are "" where a part is missing. */
struct standin_call {
	char *text; /* as it came, head and body */
	char method[16];
	char target[16384];
	char host[256];
	const char *body; /* inside text */
};

/* Starts it, once per process, at a path. */
void standin_start(const char *path);

/*
 * The next replies, each for one connection, in order; kept by reference. A reply
 * is "STATUS BODY", or the word "close" for none at all, or "raw " and its bytes, in which
 * a backslash with r or n behind it stands for CR or LF. After the last comes 200 true.
 */
void standin_replies(const struct piece *reply, size_t count);

/* Forgets the calls. */
void standin_reset(void);

/* How many connections there were since, and what was asked in each. */
size_t standin_count(void);
const struct standin_call *standin_call(size_t i);

#endif
