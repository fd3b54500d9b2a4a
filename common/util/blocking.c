#include "util/blocking.h"

#include <stddef.h>

static void (*waits)(void);
static _Thread_local unsigned moment;

void
blocking_hook(void (*hook)(void))
{
	waits = hook;
}

void
blocking_begin(void)
{
	if (moment != 0)
		blocking_over();
	if (waits != NULL)
		waits();
}

void
blocking_over(void)
{
	if (++moment == 0)
		moment = 1;
}

unsigned
blocking_generation(void)
{
	return moment;
}
