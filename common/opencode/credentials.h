/*
 * The credentials of our own calls to opencode (RFC 9110 section 11.6.2). None are ever stored.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>

#include "core/context.h"

#define CREDENTIALS_MAX 8192 /* bytes of an Authorization header */

struct credentials {
	char authorization[CREDENTIALS_MAX + 1]; /* "" if there are none */
};

/* The request's own Authorization, else that of password_file. Wipe them afterwards. */
void credentials_find(const struct context *x, struct credentials *out);
void credentials_wipe(struct credentials *c);

/* Whether there are credentials for a flow that began with some; one that began without needs none.
 */
bool credentials_suffice(const struct context *x, const struct flow *flow);

#endif
