/*
 * The credentials of our own calls to opencode (RFC 9110 section 11.6.2). They are never stored.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include <stdbool.h>

#include "core/context.h"

#define CREDENTIALS_MAX 8192 /* bytes of an Authorization header */

struct credentials {
	char authorization[CREDENTIALS_MAX + 1]; /* "" if there are none */
};

/*
 * Finds the request's own Authorization, else builds one from password_file. Wipe it afterwards.
 * With [opencode] login = own only password_file counts.
 */
void credentials_find(const struct context *x, struct credentials *out);

/* Does the same for the visitor, who has no password_file unless login = own. */
void credentials_visitor(const struct context *x, struct credentials *out);
void credentials_wipe(struct credentials *c);

/* Returns whether there are credentials for a flow that began with some. A flow that began
 * without credentials needs none. */
bool credentials_suffice(const struct context *x, const struct flow *flow);

#endif
