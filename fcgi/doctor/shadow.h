/*
 * Which line of the web server's file lets somebody else answer in our place.
 */
#ifndef SHADOW_H
#define SHADOW_H

#include "doctor/examination.h"

/*
 * Advises what to change, by the Server header of an answer that is not ours. all: none of our
 * paths was seen to come to us; else another one did. Without a known name, or if it is our program
 * that cannot be reached, the advice of the table applies.
 */
void shadow_advise(struct examination *d, const struct probe *v, bool all);

#endif
