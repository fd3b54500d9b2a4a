#include "config/config_types.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "store/store_kind.h"

static bool
refuse(char *why, size_t why_size, const char *text)
{
	snprintf(why, why_size, "%s", text);
	return false;
}

bool
config_types_read_text(const struct config_key *key, void *member, const char *value, char *why,
		       size_t why_size)
{
	if (strlen(value) >= key->size)
		return refuse(why, why_size, "is too long");
	/* inih reads a ';' as part of the value only right after '='; --dump-config has a blank
	 * there */
	if (value[0] == ';')
		return refuse(why, why_size, "begins with ';', which begins a comment");
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse(why, why_size, "holds a control byte");
	memcpy(member, value, strlen(value) + 1);
	return true;
}

void
config_types_write_text(const void *member, struct buf *out)
{
	buf_puts(out, member);
}

bool
config_types_read_number(const struct config_key *key, void *member, const char *value, char *why,
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

void
config_types_write_number(const void *member, struct buf *out)
{
	buf_printf(out, "%d", *(const int *)member);
}

/* Reads a number followed by "/min". */
bool
config_types_read_rate(const struct config_key *key, void *member, const char *value, char *why,
		       size_t why_size)
{
	size_t len = strcspn(value, "/");
	char number[16] = "";

	if (len < sizeof(number))
		memcpy(number, value, len);
	if (strcmp(value + len, "/min") == 0 &&
	    config_types_read_number(key, member, number, why, why_size))
		return true;
	snprintf(why, why_size, "must be a whole number from %ld to %ld, and /min behind it",
		 key->min, key->max);
	return false;
}

void
config_types_write_rate(const void *member, struct buf *out)
{
	buf_printf(out, "%d/min", *(const int *)member);
}

bool
config_types_read_origin(const struct config_key *key, void *member, const char *value, char *why,
			 size_t why_size)
{
	(void)key;
	if (value[0] != '\0' && !origin_read(value, member))
		return refuse(
		    why, why_size,
		    "must be an origin such as https://opencode.example.com, without a path");
	if (value[0] != '\0' && strncmp(member, "https://", 8) != 0 &&
	    !origin_host_is_loopback(origin_authority(member)) &&
	    !origin_host_is_private(origin_authority(member)))
		return refuse(why, why_size,
			      "must be https: browsers keep secure cookies only there (http is for "
			      "loopback names and, with [web] http = private, private ones)");
	if (value[0] == '\0')
		*(char *)member = '\0';
	return true;
}

/* Reads an absolute path. It may be empty if the default is empty. */
bool
config_types_read_path(const struct config_key *key, void *member, const char *value, char *why,
		       size_t why_size)
{
	if (value[0] != '/' && !(value[0] == '\0' && key->initial[0] == '\0'))
		return refuse(why, why_size, "must be an absolute path");
	return config_types_read_text(key, member, value, why, why_size);
}

bool
config_types_read_socket(const struct config_key *key, void *member, const char *value, char *why,
			 size_t why_size)
{
	const char *percent = strchr(value, '%');

	if (strlen(value) > sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof("12345"))
		return refuse(why, why_size, "is too long for a socket (about 100 bytes)");
	if (percent != NULL && (percent[1] != 'p' || strchr(percent + 1, '%') != NULL))
		return refuse(why, why_size, "may hold %p once, and no other %");
	return config_types_read_path(key, member, value, why, why_size);
}

static bool
is_route(const char *path, size_t len)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/-_.~";

	return len > 1 && path[0] == '/' && path[len - 1] != '/' && strspn(path, bytes) >= len &&
	       memmem(path, len, "//", 2) == NULL && memmem(path, len, "/.", 2) == NULL;
}

bool
config_types_read_prefix(const struct config_key *key, void *member, const char *value, char *why,
			 size_t why_size)
{
	if (!is_route(value, strlen(value)))
		return refuse(why, why_size,
			      "must be a path such as /signin, without a final slash");
	return config_types_read_text(key, member, value, why, why_size);
}

bool
config_types_read_routes(const struct config_key *key, void *member, const char *value, char *why,
			 size_t why_size)
{
	struct config *config = member;
	size_t count = value == NULL ? 0 : config->callback_path_count;

	(void)key;
	while (value != NULL && *(value += strspn(value, " \t,")) != '\0') {
		size_t len = strcspn(value, " \t,");

		if (count == CONFIG_PATHS_MAX || len >= sizeof(config->callback_paths[0]) ||
		    !is_route(value, len))
			return refuse(
			    why, why_size,
			    "must be up to 16 paths such as /auth/callback, with blanks between");
		memcpy(config->callback_paths[count], value, len);
		config->callback_paths[count++][len] = '\0';
		value += len;
	}
	if (value != NULL && count == 0)
		return refuse(why, why_size, "names no path");
	config->callback_path_count = count;
	return true;
}

void
config_types_write_routes(const void *member, struct buf *out)
{
	const struct config *config = member;

	for (size_t i = 0; i < config->callback_path_count; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : " ", config->callback_paths[i]);
}

bool
config_types_read_store(const struct config_key *key, void *member, const char *value, char *why,
			size_t why_size)
{
	return store_kind_check(value, why, why_size) &&
	       config_types_read_text(key, member, value, why, why_size);
}

static bool
is_address(const char *value)
{
	const char *authority = origin_authority(value), *path;
	char given[ORIGIN_MAX + 1], origin[ORIGIN_MAX + 1];
	size_t len;

	if (authority == NULL || (path = strchr(authority, '/')) == NULL)
		return false;
	if ((len = (size_t)(path - value)) > ORIGIN_MAX)
		return false;
	memcpy(given, value, len);
	given[len] = '\0';
	return origin_read(given, origin) && is_route(path, strlen(path)) &&
	       (authority == value + strlen("https://") ||
		origin_host_is_loopback(origin_authority(origin)));
}

/* Reads the URL of a callback on another host, to which a browser is sent or which a provider is
 * given. */
bool
config_types_read_url(const struct config_key *key, void *member, const char *value, char *why,
		      size_t why_size)
{
	if (value[0] != '\0' && !is_address(value))
		return refuse(why, why_size,
			      "must be an address such as "
			      "https://opencode.example.com/auth/callback, without anything "
			      "behind its path (http is for loopback names)");
	return config_types_read_text(key, member, value, why, why_size);
}

bool
config_types_read_id(const struct config_key *key, void *member, const char *value, char *why,
		     size_t why_size)
{
	if (value[0] != '\0' && !relay_state_id_valid(value))
		return refuse(
		    why, why_size,
		    "must be up to 32 letters, digits, '_' and '-', as in [relay-site ID]");
	return config_types_read_text(key, member, value, why, why_size);
}

bool
config_types_read_issuers(const struct config_key *key, void *member, const char *value, char *why,
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
			return refuse(
			    why, why_size,
			    "must be up to 16 pairs authorize-origin=issuer, with blanks between");
		memcpy(origin, value, (size_t)(eq - value));
		origin[eq - value] = '\0';
		if (!origin_read(origin, pair->authorize_origin))
			return refuse(why, why_size,
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

void
config_types_write_issuers(const void *member, struct buf *out)
{
	const struct config *config = member;

	for (size_t i = 0; i < config->issuer_count; i++)
		buf_printf(out, "%s%s=%s", i == 0 ? "" : " ", config->issuer[i].authorize_origin,
			   config->issuer[i].issuer);
}

bool
config_types_read_trust(const struct config_key *key, void *member, const char *value, char *why,
			size_t why_size)
{
	struct config *config = member;

	(void)key;
	if (value != NULL)
		return trusted_proxies_add(&config->trust, value, why, why_size);
	trusted_proxies_clear(&config->trust);
	return true;
}

void
config_types_write_trust(const void *member, struct buf *out)
{
	trusted_proxies_write(&((const struct config *)member)->trust, out);
}

static const char *const header_words[] = {"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP",
					   "Forwarded", NULL};
static const char *const http_words[] = {"loopback", "private", NULL};
static const char *const login_words[] = {"visitor", "own", NULL};
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

/* Reads the name of a header, in any case (RFC 9110 section 5.1). */
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
	return refuse(why, why_size,
		      "must be X-Forwarded-For, X-Real-IP, CF-Connecting-IP or Forwarded");
}

void
config_types_write_proxy_header(const void *member, struct buf *out)
{
	buf_puts(out, header_words[*(const enum config_proxy_header *)member]);
}

bool
config_types_read_http(const struct config_key *key, void *member, const char *value, char *why,
		       size_t why_size)
{
	int i = word_index(http_words, value);

	(void)key;
	if (i < 0)
		return refuse(why, why_size, "must be loopback or private");
	*(enum config_http *)member = (enum config_http)i;
	return true;
}

void
config_types_write_http(const void *member, struct buf *out)
{
	buf_puts(out, http_words[*(const enum config_http *)member]);
}

bool
config_types_read_login(const struct config_key *key, void *member, const char *value, char *why,
			size_t why_size)
{
	int i = word_index(login_words, value);

	(void)key;
	if (i < 0)
		return refuse(why, why_size, "must be visitor or own");
	*(enum config_login *)member = (enum config_login)i;
	return true;
}

void
config_types_write_login(const void *member, struct buf *out)
{
	buf_puts(out, login_words[*(const enum config_login *)member]);
}

bool
config_types_read_log_target(const struct config_key *key, void *member, const char *value,
			     char *why, size_t why_size)
{
	int i = word_index(target_words, value);

	(void)key;
	if (i < 0)
		return refuse(why, why_size, "must be stderr or syslog");
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
		return refuse(why, why_size, "must be error, warning, info or debug");
	*(enum log_level *)member = (enum log_level)i;
	return true;
}

void
config_types_write_log_level(const void *member, struct buf *out)
{
	buf_puts(out, level_words[*(const enum log_level *)member]);
}
