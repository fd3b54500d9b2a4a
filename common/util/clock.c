#include "util/clock.h"

#include <time.h>

static int64_t
milliseconds(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_boot_ms(void)
{
	return milliseconds(CLOCK_BOOTTIME);
}

int64_t
clock_monotonic_ms(void)
{
	return milliseconds(CLOCK_MONOTONIC);
}

int64_t
clock_unix_seconds(void)
{
	return (int64_t)time(NULL);
}
