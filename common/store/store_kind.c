#include "store/store_kind.h"

#include <stdio.h>
#include <string.h>

#include "store/dir/dir_store.h"
#include "store/redis/redis_store.h"

static const struct kind {
	const char *scheme;
	enum err (*open)(const char *rest, const struct store_limits *limits,
			 const struct store_login *login, struct store **out);
	bool (*check)(const char *rest, char *why, size_t why_size);
	void (*access)(const char *rest, struct store_access *out);
} kinds[] = {
    {"dir:", dir_store_open, dir_store_check, dir_store_access},
    {"redis:", redis_store_open, redis_store_check, redis_store_access},
};

/* Returns the kind; *rest is what follows its scheme in spec. NULL: none. */
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
store_kind_check(const char *spec, char *why, size_t why_size)
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
store_kind_open(const char *spec, const struct store_limits *limits,
		const struct store_login *login, struct store **out)
{
	const char *rest;
	const struct kind *kind = find_kind(spec, &rest);

	return kind == NULL ? ERR_CONFIG : kind->open(rest, limits, login, out);
}

void
store_kind_access(const char *spec, struct store_access *out)
{
	const char *rest;
	const struct kind *kind = find_kind(spec, &rest);

	*out = (struct store_access){.folder = NULL};
	if (kind != NULL)
		kind->access(rest, out);
}
