/*
 * The clock that runs on while the host sleeps, and that nobody can set.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Milliseconds since the host booted; 0 where they cannot be read. */
int64_t clock_boot_ms(void);

#endif
