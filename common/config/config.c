#include "config/config.h"

#include <stdlib.h>
#include <string.h>

bool
config_callback_path(const struct config *config, const char *path)
{
	for (size_t i = 0; i < config->callback_path_count; i++)
		if (strcmp(config->callback_paths[i], path) == 0)
			return true;
	return false;
}

bool
config_path_is(const char *called, const char *path)
{
	size_t len = strlen(path);

	return strncmp(called, path, len) == 0 &&
	       (called[len] == '\0' || strcmp(called + len, "/") == 0);
}

static int
compare_id(const void *id, const void *site)
{
	return strcmp(id, ((const struct config_site *)site)->id);
}

const struct config_site *
config_site_find(const struct config *config, const char *id)
{
	if (config->relay_site_count == 0)
		return NULL;
	return bsearch(id, config->relay_site, config->relay_site_count,
		       sizeof(*config->relay_site), compare_id);
}

void
config_free(struct config *config)
{
	for (size_t i = 0; i < config->relay_site_count; i++)
		free((char *)config->relay_site[i].id);
	free(config->relay_site);
	config->relay_site = NULL;
	config->relay_site_count = 0;
}
