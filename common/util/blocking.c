#include "util/blocking.h"

#include <stddef.h>

static void (*on_blocking)(void);
static _Thread_local unsigned generation;

void
blocking_hook(void (*hook)(void))
{
	on_blocking = hook;
}

void
blocking_begin(void)
{
	if (generation != 0)
		blocking_over();
	if (on_blocking != NULL)
		on_blocking();
}

void
blocking_over(void)
{
	if (++generation == 0)
		generation = 1;
}

unsigned
blocking_generation(void)
{
	return generation;
}
