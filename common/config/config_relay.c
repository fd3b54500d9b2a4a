#include "config/config_relay.h"

#include <stdlib.h>
#include <string.h>

#include "config/config_keys.h"

#define FIRST_COUNT 8 /* sites that fit at first; a power of two */

/* Copies text to *pos, and moves *pos behind the copy. */
static const char *
keep(char **pos, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*pos, text, size);

	*pos += size;
	return copy;
}

/* Stores the texts one after the other in one block. The block begins with the ID, so freeing the
 * ID frees it. */
static bool
pack(const struct config_draft *d, struct config_site *site)
{
	size_t size = strlen(d->id) + strlen(d->target) + strlen(d->key_file) +
		      strlen(d->previous_key_file) + 4;
	char *pos = malloc(size);

	if (pos == NULL)
		return false;
	*site = (struct config_site){
	    .line = d->line, .key_line = d->key_line, .previous_key_line = d->previous_key_line};
	site->id = keep(&pos, d->id);
	site->target = keep(&pos, d->target);
	site->key_file = keep(&pos, d->key_file);
	site->previous_key_file = keep(&pos, d->previous_key_file);
	return true;
}

enum err
config_relay_site_add(struct config *config, const struct config_draft *draft, const char **why)
{
	size_t count = config->relay_site_count;
	struct config_site *grown;

	*why = draft->target[0] == '\0'	    ? "has no target"
	       : draft->key_file[0] == '\0' ? "has no key_file"
					    : NULL;
	if (*why != NULL)
		return ERR_CONFIG;
	/* the array is full whenever the count is a power of two; then its size doubles */
	if (count == 0 || (count >= FIRST_COUNT && (count & (count - 1)) == 0)) {
		size_t room = count == 0 ? FIRST_COUNT : 2 * count;

		grown = realloc(config->relay_site, room * sizeof(*grown));
		if (grown == NULL)
			return ERR_MEMORY;
		config->relay_site = grown;
	}
	if (!pack(draft, &config->relay_site[count]))
		return ERR_MEMORY;
	config->relay_site_count++;
	return ERR_OK;
}

static int
compare(const void *a, const void *b)
{
	const struct config_site *left = a, *right = b;
	int order = strcmp(left->id, right->id);

	return order != 0 ? order : left->line - right->line;
}

const struct config_site *
config_relay_sites_sort(struct config *config)
{
	struct config_site *site = config->relay_site;

	if (config->relay_site_count > 1)
		qsort(site, config->relay_site_count, sizeof(*site), compare);
	for (size_t i = 1; i < config->relay_site_count; i++)
		if (strcmp(site[i - 1].id, site[i].id) == 0)
			return &site[i];
	return NULL;
}

/* Copies a text that came from a member of this size, so it fits. */
static void
unpack(char out[CONFIG_RELAY_MAX + 1], const char *text)
{
	memcpy(out, text, strlen(text) + 1);
}

void
config_relay_sites_dump(const struct config *config, struct buf *out)
{
	for (size_t i = 0; i < config->relay_site_count; i++) {
		const struct config_site *site = &config->relay_site[i];
		struct config_draft draft;

		unpack(draft.target, site->target);
		unpack(draft.key_file, site->key_file);
		unpack(draft.previous_key_file, site->previous_key_file);
		buf_printf(out, "\n[relay-site %s]\n", site->id);
		config_keys_dump("relay-site", &draft, out);
	}
}
