#include "config/relay_key.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/log.h"
#include "util/secret.h"
#include "util/secret_file.h"

#define KEY_MIN	 32 /* characters */
#define KEY_MAX	 512
#define KEY_SIZE (KEY_MAX + 3) /* room for a line end, and a byte too many */

struct relay_keys {
	const struct config *config;
	struct relay_key own;
	struct relay_pair site[]; /* in the order of config->relay_site */
};

static size_t
keys_size(const struct config *config)
{
	return sizeof(struct relay_keys) + config->relay_site_count * sizeof(struct relay_pair);
}

/* Returns what is wrong with a text as a key, or NULL. Cuts off its line end. */
static const char *
text_fault(const char *text, size_t *len)
{
	if (*len > 0 && text[*len - 1] == '\n')
		(*len)--;
	if (*len > 0 && text[*len - 1] == '\r')
		(*len)--;
	for (size_t i = 0; i < *len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return "must be one line of printable characters without blanks, as "
			       "openssl rand -base64 32 makes it";
	return *len < KEY_MIN	? "is shorter than 32 characters"
	       : *len > KEY_MAX ? "is longer than 512 characters"
				: NULL;
}

/* Reads one file. Returns what is wrong with it, or NULL. */
static const char *
read_key(const char *path, struct relay_key *out)
{
	char text[KEY_SIZE];
	size_t len;
	const char *fault = secret_file_read(path, true, text, sizeof(text), &len);

	if (fault == NULL)
		fault = text_fault(text, &len);
	if (fault == NULL)
		secret_mac_key(text, len, out->bytes);
	secret_wipe(text, sizeof(text));
	return fault;
}

/* A key file that is wrong, and where the configuration names it. */
struct fault {
	const char *key;
	const char *path;
	const char *why; /* NULL: nothing is wrong */
	int line;
};

static void
read_own(const struct config *config, struct relay_key *out, struct fault *fault)
{
	*fault = (struct fault){"key_file", config->relay_key_file, NULL, config->relay_line};
	fault->why = read_key(config->relay_key_file, out);
}

static void
read_pair(const struct config_site *site, struct relay_pair *out, struct fault *fault)
{
	*fault = (struct fault){"key_file", site->key_file, NULL, site->key_line};
	fault->why = read_key(site->key_file, &out->current);
	if (fault->why != NULL)
		return;
	out->previous = out->current;
	if (site->previous_key_file[0] == '\0')
		return;
	*fault = (struct fault){"previous_key_file", site->previous_key_file, NULL,
				site->previous_key_line};
	fault->why = read_key(site->previous_key_file, &out->previous);
}

enum err
relay_key_open(struct relay_keys **out, const struct config *config,
	       char message[CONFIG_MESSAGE_MAX])
{
	struct fault fault = {.why = NULL};
	struct relay_keys *keys;

	*out = NULL;
	if (config->relay_via[0] == '\0' && config->relay_site_count == 0)
		return ERR_OK;
	if ((keys = calloc(1, keys_size(config))) == NULL)
		return ERR_MEMORY;
	keys->config = config;
	if (config->relay_via[0] != '\0')
		read_own(config, &keys->own, &fault);
	for (size_t i = 0; fault.why == NULL && i < config->relay_site_count; i++)
		read_pair(&config->relay_site[i], &keys->site[i], &fault);
	if (fault.why != NULL) {
		snprintf(message, CONFIG_MESSAGE_MAX, "%s:%d: %s: %s: %s", config->file, fault.line,
			 fault.key, fault.path, fault.why);
		relay_key_close(keys);
		return ERR_CONFIG;
	}
	*out = keys;
	return ERR_OK;
}

void
relay_key_close(struct relay_keys *keys)
{
	if (keys != NULL)
		secret_wipe(keys, keys_size(keys->config));
	free(keys);
}

/* Returns the error of a file that was read for a request, and logs it. */
static enum err
judge(const struct fault *fault)
{
	if (fault->why == NULL)
		return ERR_OK;
	log_event(LOG_LEVEL_ERROR, "relay-key", "file", fault->path, "cause", fault->why, NULL);
	return ERR_CONFIG;
}

enum err
relay_key_own(const struct relay_keys *keys, const struct config *config, struct relay_key *out)
{
	struct fault fault;

	if (keys != NULL) {
		*out = keys->own;
		return ERR_OK;
	}
	read_own(config, out, &fault);
	return judge(&fault);
}

enum err
relay_key_site(const struct relay_keys *keys, const struct config_site *site,
	       const struct config *config, struct relay_pair *out)
{
	struct fault fault;

	if (keys != NULL) {
		*out = keys->site[site - config->relay_site];
		return ERR_OK;
	}
	read_pair(site, out, &fault);
	return judge(&fault);
}
