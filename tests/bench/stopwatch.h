/* Milliseconds of the monotonic clock, for the times that the benchmark measures. */
#ifndef STOPWATCH_H
#define STOPWATCH_H

#include <time.h>

static inline double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

#endif
