/*
 * The keys of the configuration in one table: the section of each key, its default, its limits,
 * and how its value is read and written. To add a key, add a row.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "util/buf.h"

#define CONFIG_KEYS_MAX 32

/* A section [relay-site ID] that is being read. The values of its keys are stored here. */
struct config_draft {
	char id[RELAY_ID_MAX + 1];
	char target[CONFIG_RELAY_MAX + 1];
	char key_file[CONFIG_RELAY_MAX + 1];
	char previous_key_file[CONFIG_RELAY_MAX + 1];
	int line, key_line, previous_key_line;
};

struct config_key;

/* Returns the key of that name in that section, or NULL. section is "opencode" for all sections
 * [opencode NAME], and "relay-site" for all sections [relay-site ID]. */
const struct config_key *config_keys_find(const char *section, const char *name);

/* Returns whether the table has keys of that section, which is named as above. */
bool config_keys_section_known(const char *section);

/* Returns the position of the key in the table, which is below CONFIG_KEYS_MAX. */
size_t config_keys_index(const struct config_key *key);

/* Returns whether the value is a list, which may continue on further lines. */
bool config_keys_is_list(const struct config_key *key);

/*
 * Reads value into target and replaces what was there. target is a struct config_opencode for
 * keys of [opencode], a struct config_draft for those of [relay-site ID], and the struct config
 * for all others. False: why says what is wrong and what is allowed.
 */
bool config_keys_set(const struct config_key *key, void *target, const char *value, char *why,
		     size_t why_size) MUST_CHECK;

/* Adds another line to a list. Arguments and result are as for config_keys_set(). */
bool config_keys_add(const struct config_key *key, void *target, const char *value, char *why,
		     size_t why_size) MUST_CHECK;

/* Fills in the defaults of a configuration with a single opencode, and those of one opencode. */
void config_keys_defaults(struct config *config);
void config_keys_opencode_defaults(struct config_opencode *opencode);

/* Appends "key = value" for each key of a section. target is as for config_keys_set(). */
void config_keys_dump(const char *section, const void *target, struct buf *out);

/* Returns the section after this one ("" gives the first), or NULL after the last. Leaves out
 * [opencode NAME] and [relay-site ID]. */
const char *config_keys_section_next(const char *section);

#endif
