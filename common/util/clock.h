/*
 * The clocks. Nothing else asks for the time.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Milliseconds since the host booted, suspended time included; nobody can set this clock. 0 where
 * it cannot be read. */
int64_t clock_boot_ms(void);

/* Milliseconds on a clock that stands still while the host is suspended: for time limits. */
int64_t clock_monotonic_ms(void);

/* Unix time in seconds: for what several hosts compare, and for the log. */
int64_t clock_unix_seconds(void);

#endif
