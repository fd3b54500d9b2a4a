#include "config/config_keys.h"

#include <string.h>

#include "config/config_types.h"

#define DUMP_LINE_MAX 150 /* bytes of a value that fits into inih's line with its key */

#define OPENCODE(m) offsetof(struct config_opencode, m), sizeof(((struct config_opencode *)0)->m)
#define SITE(m)	    offsetof(struct config_draft, m), sizeof(((struct config_draft *)0)->m)
#define CONFIG(m)   offsetof(struct config, m), sizeof(((struct config *)0)->m)

static const struct config_key keys[] = {
    {"opencode", "url", "", config_types_read_origin, config_types_write_text, OPENCODE(url), 0, 0},
    {"opencode", "socket", "/run/opencode/opencode.sock", config_types_read_socket,
     config_types_write_text, OPENCODE(socket), 0, 0},
    {"opencode", "port", "4096", config_types_read_number, config_types_write_number,
     OPENCODE(port), 1, 65535},
    {"opencode", "username", "opencode", config_types_read_text, config_types_write_text,
     OPENCODE(username), 0, 0},
    {"opencode", "password_file", "", config_types_read_path, config_types_write_text,
     OPENCODE(password_file), 0, 0},
    {"opencode", "login", "visitor", config_types_read_login, config_types_write_login,
     OPENCODE(login), 0, 0},
    {"web", "prefix", "/signin", config_types_read_prefix, config_types_write_text, CONFIG(prefix),
     0, 0},
    {"web", "http", "loopback", config_types_read_http, config_types_write_http, CONFIG(http), 0,
     0},
    {"web", "callback_paths",
     "/auth/callback /mcp/oauth/callback /callback /oauth-callback /oauth2callback",
     config_types_read_routes, config_types_write_routes, 0, 0, 0, 0},
    {"proxy", "trust", "", config_types_read_trust, config_types_write_trust, 0, 0, 0, 0},
    {"proxy", "header", "X-Forwarded-For", config_types_read_proxy_header,
     config_types_write_proxy_header, CONFIG(proxy_header), 0, 0},
    {"flow", "store", "dir:/run/opencode-callback", config_types_read_store,
     config_types_write_text, CONFIG(store), 0, 0},
    {"flow", "store_username", "", config_types_read_text, config_types_write_text,
     CONFIG(store_username), 0, 0},
    {"flow", "store_password_file", "", config_types_read_path, config_types_write_text,
     CONFIG(store_password_file), 0, 0},
    {"flow", "lifetime", "300", config_types_read_number, config_types_write_number,
     CONFIG(lifetime), 1, 3600},
    {"flow", "max_pending", "1000", config_types_read_number, config_types_write_number,
     CONFIG(max_pending), 1, 1000000},
    {"flow", "max_pending_per_client", "20", config_types_read_number, config_types_write_number,
     CONFIG(max_pending_per_client), 1, 1000000},
    {"flow", "issuers", "", config_types_read_issuers, config_types_write_issuers, 0, 0, 0, 0},
    {"limit", "rate", "60/min", config_types_read_rate, config_types_write_rate, CONFIG(rate), 1,
     60000},
    {"limit", "burst", "30", config_types_read_number, config_types_write_number, CONFIG(burst), 1,
     1000000},
    {"worker", "socket", "", config_types_read_path, config_types_write_text, CONFIG(worker_socket),
     0, 0},
    {"worker", "threads", "8", config_types_read_number, config_types_write_number,
     CONFIG(worker_threads), 1, CONFIG_THREADS_MAX},
    {"log", "to", "stderr", config_types_read_log_target, config_types_write_log_target,
     CONFIG(log_to), 0, 0},
    {"log", "level", "info", config_types_read_log_level, config_types_write_log_level,
     CONFIG(log_level), 0, 0},
    {"relay", "via", "", config_types_read_url, config_types_write_text, CONFIG(relay_via), 0, 0},
    {"relay", "id", "", config_types_read_id, config_types_write_text, CONFIG(relay_id), 0, 0},
    {"relay", "key_file", "", config_types_read_path, config_types_write_text,
     CONFIG(relay_key_file), 0, 0},
    {"relay-site", "target", "", config_types_read_url, config_types_write_text, SITE(target), 0,
     0},
    {"relay-site", "key_file", "", config_types_read_path, config_types_write_text, SITE(key_file),
     0, 0},
    {"relay-site", "previous_key_file", "", config_types_read_path, config_types_write_text,
     SITE(previous_key_file), 0, 0},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))
_Static_assert(KEY_COUNT <= CONFIG_KEYS_MAX, "CONFIG_KEYS_MAX must hold all keys");

const struct config_key *
config_keys_find(const char *section, const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

bool
config_keys_section_known(const char *section)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(keys[i].section, section) == 0)
			return true;
	return false;
}

size_t
config_keys_index(const struct config_key *key)
{
	return (size_t)(key - keys);
}

bool
config_keys_is_list(const struct config_key *key)
{
	return key->size == 0;
}

bool
config_keys_add(const struct config_key *key, void *target, const char *value, char *why,
		size_t why_size)
{
	return key->read(key, (char *)target + key->offset, value, why, why_size);
}

bool
config_keys_set(const struct config_key *key, void *target, const char *value, char *why,
		size_t why_size)
{
	if (config_keys_is_list(key) && !config_keys_add(key, target, NULL, why, why_size))
		return false;
	return config_keys_add(key, target, value, why, why_size);
}

/* The same readers parse the defaults and the file; a unit test checks that all defaults pass. A
 * key whose default is empty is left out, because its member is empty already. */
static void
set_defaults(bool opencode, void *target)
{
	char why[128];

	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].initial[0] != '\0' &&
		    (strcmp(keys[i].section, "opencode") == 0) == opencode &&
		    !config_keys_set(&keys[i], target, keys[i].initial, why, sizeof(why)))
			continue;
}

void
config_keys_opencode_defaults(struct config_opencode *opencode)
{
	*opencode = (struct config_opencode){.port = 0};
	set_defaults(true, opencode);
}

void
config_keys_defaults(struct config *config)
{
	/* the other members have a default, or are filled one by one */
	memset(&config->opencode_count, 0,
	       offsetof(struct config, callback_paths) - offsetof(struct config, opencode_count));
	trusted_proxies_clear(&config->trust);
	config->opencode_count = 1;
	config_keys_opencode_defaults(&config->opencode[0]);
	set_defaults(false, config);
}

/* Writes a value. A list that is too long for one line continues on lines with a leading tab. */
static void
dump_value(const struct config_key *key, const char *value, struct buf *out)
{
	bool list = config_keys_is_list(key), whole = !list || strlen(value) < DUMP_LINE_MAX;
	size_t first = strcspn(value, list ? " " : "");

	buf_puts(out, first < DUMP_LINE_MAX ? " = " : list ? " =\n\t" : "=");
	for (; *value != '\0'; value++)
		if (*value == ' ' && !whole)
			buf_puts(out, "\n\t");
		else
			buf_putc(out, *value);
}

void
config_keys_dump(const char *section, const void *target, struct buf *out)
{
	struct buf value;

	buf_init(&value, CONFIG_FILE_MAX);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (strcmp(keys[i].section, section) != 0)
			continue;
		buf_puts(out, keys[i].name);
		keys[i].write((const char *)target + keys[i].offset, &value);
		if (value.err != ERR_OK)
			out->err = value.err;
		dump_value(&keys[i], buf_text(&value), out);
		buf_putc(out, '\n');
		buf_free(&value);
	}
}

const char *
config_keys_section_next(const char *section)
{
	bool found = section[0] == '\0';

	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (found && strcmp(keys[i].section, "opencode") != 0 &&
		    strcmp(keys[i].section, "relay-site") != 0 &&
		    strcmp(keys[i].section, section) != 0)
			return keys[i].section;
		found = found || strcmp(keys[i].section, section) == 0;
	}
	return NULL;
}
