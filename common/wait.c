#include "wait.h"

#include <stddef.h>

static void (*waits)(void);

void
wait_hook(void (*hook)(void))
{
	waits = hook;
}

void
wait_begin(void)
{
	if (waits != NULL)
		waits();
}
