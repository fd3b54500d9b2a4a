#include "store.h"

#include <string.h>

#include "store_dir.h"

static const struct {
	const char *scheme;
	enum err (*open)(const char *rest, const struct store_limits *limits, struct store **out);
} kinds[] = {
    {"dir:", store_dir_open},
};

bool
store_known(const char *spec)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(spec, kinds[i].scheme, strlen(kinds[i].scheme)) == 0)
			return true;
	return false;
}

enum err
store_open(const char *spec, const struct store_limits *limits, struct store **out)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(spec, kinds[i].scheme, strlen(kinds[i].scheme)) == 0)
			return kinds[i].open(spec + strlen(kinds[i].scheme), limits, out);
	return ERR_CONFIG;
}
