#include "config/config_types.h"

#include <string.h>
#include <strings.h>

#include "config/config_keys.h"

static const char *const header_words[] = {"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP",
					   "Forwarded", NULL};
static const char *const target_words[] = {"stderr", "syslog", NULL};
static const char *const level_words[] = {"error", "warning", "info", "debug", NULL};

static int
word_index(const char *const words[], const char *value)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -1;
}

/* Names of headers are the same in any case (RFC 9110 section 5.1). */
bool
config_types_read_proxy_header(const struct config_key *key, void *member, const char *value,
			       char *why, size_t why_size)
{
	(void)key;
	for (int i = 0; header_words[i] != NULL; i++)
		if (strcmp(header_words[i], value) == 0 ||
		    strcasecmp(header_words[i], value) == 0) {
			*(enum config_proxy_header *)member = (enum config_proxy_header)i;
			return true;
		}
	return config_keys_refuse(
	    why, why_size, "must be X-Forwarded-For, X-Real-IP, CF-Connecting-IP or Forwarded");
}

void
config_types_write_proxy_header(const void *member, struct buf *out)
{
	buf_puts(out, header_words[*(const enum config_proxy_header *)member]);
}

bool
config_types_read_log_target(const struct config_key *key, void *member, const char *value,
			     char *why, size_t why_size)
{
	int i = word_index(target_words, value);

	(void)key;
	if (i < 0)
		return config_keys_refuse(why, why_size, "must be stderr or syslog");
	*(enum log_target *)member = (enum log_target)i;
	return true;
}

void
config_types_write_log_target(const void *member, struct buf *out)
{
	buf_puts(out, target_words[*(const enum log_target *)member]);
}

bool
config_types_read_log_level(const struct config_key *key, void *member, const char *value,
			    char *why, size_t why_size)
{
	int i = word_index(level_words, value);

	(void)key;
	if (i < 0)
		return config_keys_refuse(why, why_size, "must be error, warning, info or debug");
	*(enum log_level *)member = (enum log_level)i;
	return true;
}

void
config_types_write_log_level(const void *member, struct buf *out)
{
	buf_puts(out, level_words[*(const enum log_level *)member]);
}
