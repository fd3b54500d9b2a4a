#include "config/config_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "config/config_relay.h"
#include "config/config_types.h"
#include "store/store_kind.h"

#define DUMP_LINE_MAX 150 /* a line and its key fit into what inih reads */

struct config_key {
	const char *section;
	const char *name;
	const char *initial; /* the default, as it would be written */
	/* a list's: NULL empties it, anything else is added to it */
	bool (*read)(const struct config_key *key, void *member, const char *value, char *why,
		     size_t why_size);
	void (*write)(const void *member, struct buf *out);
	size_t offset; /* of the member in struct config_opencode or struct config */
	size_t size;   /* of the member; 0: a list, which may go on over several lines */
	long min, max; /* of a number */
};

bool
config_keys_refuse(char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "%s", text);
	return false;
}

static bool
read_text(const struct config_key *key, void *member, const char *value, char *why, size_t why_size)
{
	if (strlen(value) >= key->size)
		return config_keys_refuse(why, why_size, "is too long");
	/* inih takes it so only directly behind the '=', where --dump-config has a blank */
	if (value[0] == ';')
		return config_keys_refuse(why, why_size, "begins with ';', which begins a comment");
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return config_keys_refuse(why, why_size, "holds a control byte");
	memcpy(member, value, strlen(value) + 1);
	return true;
}

static void
write_text(const void *member, struct buf *out)
{
	buf_puts(out, member);
}

static bool
read_number(const struct config_key *key, void *member, const char *value, char *why,
	    size_t why_size)
{
	size_t digits = strspn(value, "0123456789");
	long number = digits > 0 && digits < 10 && value[digits] == '\0' ? 0 : -1;

	for (size_t i = 0; number >= 0 && i < digits; i++)
		number = 10 * number + (value[i] - '0');
	if (number < key->min || number > key->max) {
		snprintf(why, why_size, "must be a whole number from %ld to %ld", key->min,
			 key->max);
		return false;
	}
	*(int *)member = (int)number;
	return true;
}

static void
write_number(const void *member, struct buf *out)
{
	buf_printf(out, "%d", *(const int *)member);
}

/* A number and "/min". */
static bool
read_rate(const struct config_key *key, void *member, const char *value, char *why, size_t why_size)
{
	size_t len = strcspn(value, "/");
	char number[16] = "";

	if (len < sizeof(number))
		memcpy(number, value, len);
	if (strcmp(value + len, "/min") == 0 && read_number(key, member, number, why, why_size))
		return true;
	snprintf(why, why_size, "must be a whole number from %ld to %ld, and /min behind it",
		 key->min, key->max);
	return false;
}

static void
write_rate(const void *member, struct buf *out)
{
	buf_printf(out, "%d/min", *(const int *)member);
}

static bool
read_origin(const struct config_key *key, void *member, const char *value, char *why,
	    size_t why_size)
{
	(void)key;
	if (value[0] != '\0' && !origin_read(value, member))
		return config_keys_refuse(
		    why, why_size,
		    "must be an origin such as https://opencode.example.com, without a path");
	if (value[0] != '\0' && strncmp(member, "https://", 8) != 0 &&
	    !origin_host_is_loopback(origin_authority(member)))
		return config_keys_refuse(
		    why, why_size,
		    "must be https: browsers keep secure cookies only there (http is for "
		    "loopback names)");
	if (value[0] == '\0')
		*(char *)member = '\0';
	return true;
}

/* An absolute path, or nothing where the default is nothing. */
static bool
read_path(const struct config_key *key, void *member, const char *value, char *why, size_t why_size)
{
	if (value[0] != '/' && !(value[0] == '\0' && key->initial[0] == '\0'))
		return config_keys_refuse(why, why_size, "must be an absolute path");
	return read_text(key, member, value, why, why_size);
}

static bool
read_socket(const struct config_key *key, void *member, const char *value, char *why,
	    size_t why_size)
{
	const char *percent = strchr(value, '%');

	if (strlen(value) > sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("12345"))
		return config_keys_refuse(why, why_size,
					  "is too long for a socket (about 100 bytes)");
	if (percent != NULL && (percent[1] != 'p' || strchr(percent + 1, '%') != NULL))
		return config_keys_refuse(why, why_size, "may hold %p once, and no other %");
	return read_path(key, member, value, why, why_size);
}

bool
config_keys_route_valid(const char *path, size_t len)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/-_.~";

	return len > 1 && path[0] == '/' && path[len - 1] != '/' && strspn(path, bytes) >= len &&
	       memmem(path, len, "//", 2) == NULL && memmem(path, len, "/.", 2) == NULL;
}

static bool
read_prefix(const struct config_key *key, void *member, const char *value, char *why,
	    size_t why_size)
{
	if (!config_keys_route_valid(value, strlen(value)))
		return config_keys_refuse(why, why_size,
					  "must be a path such as /signin, without a final slash");
	return read_text(key, member, value, why, why_size);
}

static bool
read_routes(const struct config_key *key, void *member, const char *value, char *why,
	    size_t why_size)
{
	struct config *config = member;
	size_t count = value == NULL ? 0 : config->callback_path_count;

	(void)key;
	while (value != NULL && *(value += strspn(value, " \t,")) != '\0') {
		size_t len = strcspn(value, " \t,");

		if (count == CONFIG_PATHS_MAX || len >= sizeof(config->callback_paths[0]) ||
		    !config_keys_route_valid(value, len))
			return config_keys_refuse(
			    why, why_size,
			    "must be up to 16 paths such as /auth/callback, with blanks between");
		memcpy(config->callback_paths[count], value, len);
		config->callback_paths[count++][len] = '\0';
		value += len;
	}
	if (value != NULL && count == 0)
		return config_keys_refuse(why, why_size, "names no path");
	config->callback_path_count = count;
	return true;
}

static void
write_routes(const void *member, struct buf *out)
{
	const struct config *config = member;

	for (size_t i = 0; i < config->callback_path_count; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : " ", config->callback_paths[i]);
}

static bool
read_store(const struct config_key *key, void *member, const char *value, char *why,
	   size_t why_size)
{
	return store_kind_check(value, why, why_size) && read_text(key, member, value, why, why_size);
}

/* An address of a callback on another host: what a browser is sent to, or a provider told. */
static bool
read_address(const struct config_key *key, void *member, const char *value, char *why,
	     size_t why_size)
{
	if (value[0] != '\0' && !config_relay_address_valid(value))
		return config_keys_refuse(
		    why, why_size,
		    "must be an address such as "
		    "https://opencode.example.com/auth/callback, without anything "
		    "behind its path (http is for loopback names)");
	return read_text(key, member, value, why, why_size);
}

static bool
read_id(const struct config_key *key, void *member, const char *value, char *why, size_t why_size)
{
	if (value[0] != '\0' && !relay_state_id_valid(value))
		return config_keys_refuse(
		    why, why_size,
		    "must be up to 32 letters, digits, '_' and '-', as in [relay-site ID]");
	return read_text(key, member, value, why, why_size);
}

static bool
read_issuers(const struct config_key *key, void *member, const char *value, char *why,
	     size_t why_size)
{
	struct config *config = member;
	size_t count = value == NULL ? 0 : config->issuer_count;

	(void)key;
	while (value != NULL && *(value += strspn(value, " \t")) != '\0') {
		struct config_issuer *pair = &config->issuer[count];
		size_t len = strcspn(value, " \t");
		const char *eq = memchr(value, '=', len);
		char origin[ORIGIN_MAX + 1];

		if (count == CONFIG_ISSUERS_MAX || eq == NULL || eq - value > ORIGIN_MAX ||
		    eq + 1 == value + len || len - (size_t)(eq - value) > sizeof(pair->issuer))
			return config_keys_refuse(
			    why, why_size,
			    "must be up to 16 pairs authorize-origin=issuer, with blanks between");
		memcpy(origin, value, (size_t)(eq - value));
		origin[eq - value] = '\0';
		if (!origin_read(origin, pair->authorize_origin))
			return config_keys_refuse(
			    why, why_size,
			    "stands for an origin such as https://auth.example.com "
			    "before each '='");
		memcpy(pair->issuer, eq + 1, len - (size_t)(eq + 1 - value));
		pair->issuer[len - (size_t)(eq + 1 - value)] = '\0';
		value += len;
		count++;
	}
	config->issuer_count = count;
	return true;
}

static void
write_issuers(const void *member, struct buf *out)
{
	const struct config *config = member;

	for (size_t i = 0; i < config->issuer_count; i++)
		buf_printf(out, "%s%s=%s", i == 0 ? "" : " ", config->issuer[i].authorize_origin,
			   config->issuer[i].issuer);
}

static bool
read_trust(const struct config_key *key, void *member, const char *value, char *why,
	   size_t why_size)
{
	struct config *config = member;

	(void)key;
	if (value != NULL)
		return trusted_proxies_add(&config->trust, value, why, why_size);
	trusted_proxies_clear(&config->trust);
	return true;
}

static void
write_trust(const void *member, struct buf *out)
{
	trusted_proxies_write(&((const struct config *)member)->trust, out);
}

#define OPENCODE(m) offsetof(struct config_opencode, m), sizeof(((struct config_opencode *)0)->m)
#define SITE(m)	    offsetof(struct config_draft, m), sizeof(((struct config_draft *)0)->m)
#define CONFIG(m)   offsetof(struct config, m), sizeof(((struct config *)0)->m)

static const struct config_key keys[] = {
    {"opencode", "url", "", read_origin, write_text, OPENCODE(url), 0, 0},
    {"opencode", "socket", "/run/opencode/opencode.sock", read_socket, write_text, OPENCODE(socket),
     0, 0},
    {"opencode", "port", "4096", read_number, write_number, OPENCODE(port), 1, 65535},
    {"opencode", "username", "opencode", read_text, write_text, OPENCODE(username), 0, 0},
    {"opencode", "password_file", "", read_path, write_text, OPENCODE(password_file), 0, 0},
    {"web", "prefix", "/signin", read_prefix, write_text, CONFIG(prefix), 0, 0},
    {"web", "callback_paths",
     "/auth/callback /mcp/oauth/callback /callback /oauth-callback /oauth2callback", read_routes,
     write_routes, 0, 0, 0, 0},
    {"proxy", "trust", "", read_trust, write_trust, 0, 0, 0, 0},
    {"proxy", "header", "X-Forwarded-For", config_types_read_proxy_header,
     config_types_write_proxy_header, CONFIG(proxy_header), 0, 0},
    {"flow", "store", "dir:/run/opencode-callback", read_store, write_text, CONFIG(store), 0, 0},
    {"flow", "store_username", "", read_text, write_text, CONFIG(store_username), 0, 0},
    {"flow", "store_password_file", "", read_path, write_text, CONFIG(store_password_file), 0, 0},
    {"flow", "lifetime", "300", read_number, write_number, CONFIG(lifetime), 1, 3600},
    {"flow", "max_pending", "1000", read_number, write_number, CONFIG(max_pending), 1, 1000000},
    {"flow", "max_pending_per_client", "20", read_number, write_number,
     CONFIG(max_pending_per_client), 1, 1000000},
    {"flow", "issuers", "", read_issuers, write_issuers, 0, 0, 0, 0},
    {"limit", "rate", "60/min", read_rate, write_rate, CONFIG(rate), 1, 60000},
    {"limit", "burst", "30", read_number, write_number, CONFIG(burst), 1, 1000000},
    {"worker", "socket", "", read_path, write_text, CONFIG(worker_socket), 0, 0},
    {"worker", "threads", "8", read_number, write_number, CONFIG(worker_threads), 1, 256},
    {"log", "to", "stderr", config_types_read_log_target, config_types_write_log_target,
     CONFIG(log_to), 0, 0},
    {"log", "level", "info", config_types_read_log_level, config_types_write_log_level,
     CONFIG(log_level), 0, 0},
    {"relay", "via", "", read_address, write_text, CONFIG(relay_via), 0, 0},
    {"relay", "id", "", read_id, write_text, CONFIG(relay_id), 0, 0},
    {"relay", "key_file", "", read_path, write_text, CONFIG(relay_key_file), 0, 0},
    {"relay-site", "target", "", read_address, write_text, SITE(target), 0, 0},
    {"relay-site", "key_file", "", read_path, write_text, SITE(key_file), 0, 0},
    {"relay-site", "previous_key_file", "", read_path, write_text, SITE(previous_key_file), 0, 0},
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

/*
 * The defaults go through the same readers as a file; the unit test sees to it that they pass.
 * What is nothing by default is nothing already.
 */
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
	/* the others have a default, or are filled one by one */
	memset(&config->opencode_count, 0,
	       offsetof(struct config, callback_paths) - offsetof(struct config, opencode_count));
	trusted_proxies_clear(&config->trust);
	config->opencode_count = 1;
	config_keys_opencode_defaults(&config->opencode[0]);
	set_defaults(false, config);
}

/* What fits in no line goes on in the next ones, which begin with a tab. */
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
