#include "store/redis/redis_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Reads a whole number of at most 5 digits that ends at the end of text, or before `end`. Returns
 * what follows it; NULL: no number up to max.
 */
static const char *
read_number(const char *text, int max, char end, int *out)
{
	size_t digits = strspn(text, "0123456789");
	long number = digits > 0 && digits < 6 ? strtol(text, NULL, 10) : -1;

	if (number < 0 || number > max || (text[digits] != '\0' && text[digits] != end))
		return NULL;
	*out = (int)number;
	return text + digits;
}

/* Reads a host name, or an IPv6 address in brackets. Returns what follows it; NULL: neither. */
static const char *
read_host(const char *text, struct redis_address *out)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789.-_";
	bool brackets = text[0] == '[';
	size_t len = strspn(text + brackets, brackets ? "0123456789abcdefABCDEF:." : name);

	if (len == 0 || len > REDIS_HOST_MAX || (brackets && text[1 + len] != ']'))
		return NULL;
	memcpy(out->host, text + brackets, len);
	out->host[len] = '\0';
	return text + len + 2 * (size_t)brackets;
}

static const char *
read_address(const char *text, struct redis_address *out)
{
	out->port = REDIS_PORT_DEFAULT;
	text = read_host(text, out);
	if (text != NULL && *text == ':')
		text = read_number(text + 1, 65535, '/', &out->port);
	if (text != NULL && *text == '/')
		text = read_number(text + 1, REDIS_DB_MAX, '\0', &out->db);
	return text != NULL && *text == '\0' && out->port > 0 ? text : NULL;
}

static const char *
find_fault(const char *text, struct redis_address *out)
{
	if (strchr(text, '@') != NULL)
		return "names no user and no password: they belong into store_username and "
		       "store_password_file";
	if (strncmp(text, "//", 2) == 0)
		return read_address(text + 2, out) != NULL ? NULL
							   : "must be redis://host:port/db (an "
							     "IPv6 address in brackets), or redis: "
							     "and the absolute path of a socket";
	if (text[0] != '/')
		return "must be redis: and the absolute path of a socket, or redis://host:port/db";
	if (strlen(text) >= sizeof(out->path))
		return "is too long for a socket (about 100 bytes)";
	memcpy(out->path, text, strlen(text) + 1);
	return NULL;
}

bool
redis_address_read(const char *text, struct redis_address *out, char *why, size_t why_size)
{
	const char *fault;

	*out = (struct redis_address){.port = 0};
	fault = find_fault(text, out);
	if (fault != NULL && why != NULL)
		snprintf(why, why_size, "%s", fault);
	return fault == NULL;
}
