#include "json.h"

#include <stdlib.h>
#include <sys/random.h>

static _Thread_local bool failed;

static void *
allocate(size_t size)
{
	void *data = malloc(size);

	failed = failed || data == NULL;
	return data;
}

void
json_init(void)
{
	size_t seed = 0;

	json_set_alloc_funcs(allocate, free);
	/* by itself jansson opens a file for it, when it makes its first object; 0 asks for that */
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = 0;
	json_object_seed(seed | 1);
}

enum err
json_read(const char *text, size_t len, size_t flags, json_t **out)
{
	failed = false;
	*out = json_loadb(text, len, flags, NULL);
	if (!failed)
		return *out == NULL ? ERR_REQUEST : ERR_OK;
	json_decref(*out);
	*out = NULL;
	return ERR_MEMORY;
}

char *
json_write(const json_t *json)
{
	char *text;

	failed = false;
	text = json_dumps(json, JSON_COMPACT);
	if (!failed)
		return text;
	free(text);
	return NULL;
}
