#include "util/blocking.h"

#include <stddef.h>

static void (*waits)(void);
static _Thread_local unsigned moment;

void
wait_hook(void (*hook)(void))
{
	waits = hook;
}

void
wait_begin(void)
{
	if (moment != 0)
		wait_over();
	if (waits != NULL)
		waits();
}

void
wait_over(void)
{
	if (++moment == 0)
		moment = 1;
}

unsigned
wait_moment(void)
{
	return moment;
}
