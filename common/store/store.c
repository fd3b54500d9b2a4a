#include "store/store.h"

#include <stdio.h>
#include <string.h>

#include "store/dir/dir_store.h"
#include "store/redis/redis_address.h"
#include "store/redis/redis_store.h"

static const struct kind {
	const char *scheme;
	enum err (*open)(const char *rest, const struct store_limits *limits,
			 const struct store_login *login, struct store **out);
	bool (*check)(const char *rest, char *why, size_t why_size);
} kinds[] = {
    {"dir:", dir_store_open, dir_store_check},
    {"redis:", redis_store_open, redis_store_check},
};

/* The kind, and what stands behind its name in spec. NULL: none. */
static const struct kind *
find_kind(const char *spec, const char **rest)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].scheme);

		if (strncmp(spec, kinds[i].scheme, len) == 0) {
			*rest = spec + len;
			return &kinds[i];
		}
	}
	return NULL;
}

bool
store_check(const char *spec, char *why, size_t why_size)
{
	const char *rest, *problem = "must be dir: and an absolute path, or redis: and an address";
	const struct kind *kind = find_kind(spec, &rest);

	if (kind != NULL)
		return kind->check(rest, why, why_size);
	if (strncmp(spec, "rediss:", 7) == 0)
		problem = "there is no TLS here: use Redis' Unix socket, or a TLS tunnel such as "
			  "stunnel on this machine";
	snprintf(why, why_size, "%s", problem);
	return false;
}

enum err
store_open(const char *spec, const struct store_limits *limits, const struct store_login *login,
	   struct store **out)
{
	const char *rest;
	const struct kind *kind = find_kind(spec, &rest);

	return kind == NULL ? ERR_CONFIG : kind->open(rest, limits, login, out);
}

const char *
store_folder(const char *spec)
{
	const char *rest;
	const struct kind *kind = find_kind(spec, &rest);

	return kind != NULL && kind->open == dir_store_open ? rest : NULL;
}

int
store_port(const char *spec)
{
	struct redis_address parts;
	const char *rest;
	const struct kind *kind = find_kind(spec, &rest);

	if (kind == NULL || kind->open != redis_store_open ||
	    !redis_address_read(rest, &parts, NULL, 0))
		return 0;
	return parts.port;
}
