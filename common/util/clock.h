/*
 * The program's clocks.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/*
 * Returns the milliseconds since the host booted, including time suspended. Nobody can set this
 * clock. 0: it cannot be read.
 */
int64_t clock_boot_ms(void);

/* Returns milliseconds on a clock that stops while the host is suspended; for time limits. */
int64_t clock_monotonic_ms(void);

/* Returns the Unix time in seconds; for times that several hosts compare, and for the log. */
int64_t clock_unix_seconds(void);

#endif
