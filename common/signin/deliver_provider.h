/*
 * Delivers for a provider: to opencode's listener, then makes the finishing call, whose reply is
 * the verdict.
 */
#ifndef DELIVER_PROVIDER_H
#define DELIVER_PROVIDER_H

#include "signin/delivery.h"

void deliver_provider(struct delivery *d);

#endif
