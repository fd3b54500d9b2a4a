/*
 * The integration API: the listener, then the verdict of the attempt.
 */
#ifndef DELIVER_INTEGRATION_H
#define DELIVER_INTEGRATION_H

#include "signin/delivery.h"

void deliver_integration(struct delivery *d);

#endif
