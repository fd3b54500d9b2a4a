/*
 * The beginning of a sign-in: calls of opencode's own API that pass through us,
 * so that we know which callbacks will have been asked for.
 */
#ifndef BEGIN_H
#define BEGIN_H

#include "exchange.h"

/* POST /provider/{id}/oauth/authorize: forwarded; a sign-in that needs us is recorded. */
void begin_provider(struct exchange *x);

/* Anything else on the begin paths: forwarded, answered as opencode answers. */
void begin_pass(struct exchange *x);

#endif
