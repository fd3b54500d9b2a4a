/*
 * The keys of the configuration, in one table: where each stands, what it may
 * hold, its default, how it is read and written. Adding a key is adding a row.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "util/buf.h"

#define CONFIG_KEYS_MAX 32

/* A section [relay-site ID] while it is read: what its keys are read into. */
struct config_draft {
	char id[RELAY_ID_MAX + 1];
	char target[CONFIG_RELAY_MAX + 1];
	char key_file[CONFIG_RELAY_MAX + 1];
	char previous_key_file[CONFIG_RELAY_MAX + 1];
	int line, key_line, previous_key_line;
};

struct config_key;

/* The key of that name in that section, or NULL. Sections [opencode NAME] count as "opencode",
 * [relay-site ID] as "relay-site". */
const struct config_key *config_keys_find(const char *section, const char *name);
bool config_keys_section_known(const char *section);

/* Position in the table, below CONFIG_KEYS_MAX. */
size_t config_keys_index(const struct config_key *key);

/* Whether the value is a list, which may go on over several lines. */
bool config_keys_is_list(const struct config_key *key);

/*
 * Reads value into target, in the place of what was there: a struct config_opencode for keys of
 * [opencode], a struct config_draft for those of [relay-site ID], else the struct config. False:
 * why says what is wrong and what is allowed.
 */
bool config_keys_set(const struct config_key *key, void *target, const char *value, char *why,
		     size_t why_size) MUST_CHECK;

/* Adds another line to a list, for which the same holds. */
bool config_keys_add(const struct config_key *key, void *target, const char *value, char *why,
		     size_t why_size) MUST_CHECK;

/* Fills in the defaults. */
void config_keys_defaults(struct config *config);
void config_keys_opencode_defaults(struct config_opencode *opencode);

/* Appends "key = value" for each key of a section. */
void config_keys_dump(const char *section, const void *target, struct buf *out);

/* The section after this one ("" for the first), those with names left out; NULL at the end. */
const char *config_keys_section_next(const char *section);

#endif
