/*
 * Delivers in the integration API: to the listener, then asks how the attempt went.
 */
#ifndef DELIVER_INTEGRATION_H
#define DELIVER_INTEGRATION_H

#include "signin/delivery.h"

void deliver_integration(struct delivery *d);

#endif
