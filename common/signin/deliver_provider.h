/*
 * A provider: the listener, then the finishing call, whose answer is the verdict.
 */
#ifndef DELIVER_PROVIDER_H
#define DELIVER_PROVIDER_H

#include "signin/delivery.h"

void deliver_provider(struct delivery *d);

#endif
