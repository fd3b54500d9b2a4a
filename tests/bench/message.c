#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, HEAD = 8 };

extern char **environ;

/* Puts the number into text. Returns the length. */
static size_t
fill(char *out, size_t size, const char *text, long number)
{
	size_t len = 0;

	for (; *text != '\0' && len + 32 < size; text++)
		if (*text == '#')
			len += (size_t)snprintf(out + len, size - len, "%09ld", number);
		else if (*text == '@')
			len +=
			    (size_t)snprintf(out + len, size - len, "10.%ld.%ld.%ld",
					     number >> 16 & 255, number >> 8 & 255, number & 255);
		else
			out[len++] = *text;
	out[len] = '\0';
	return len;
}

static size_t
record(unsigned char *out, int type, size_t len)
{
	const unsigned char head[HEAD] = {1, (unsigned char)type,	0,
					  1, (unsigned char)(len >> 8), (unsigned char)len};

	memcpy(out, head, HEAD);
	return HEAD;
}

static size_t
length(unsigned char *out, size_t len)
{
	if (len < 128) {
		*out = (unsigned char)len;
		return 1;
	}
	out[0] = 128;
	out[1] = 0;
	out[2] = (unsigned char)(len >> 8);
	out[3] = (unsigned char)len;
	return 4;
}

size_t
message_write(unsigned char out[MESSAGE_MAX], long number)
{
	const char *body = getenv("BODY");
	size_t len = record(out, BEGIN, 8), params, value_len;
	char value[4096];

	memcpy(out + len, "\0\1\0\0\0\0\0", 8); /* a responder, and no other request after it */
	len += 8;
	params = len;
	len += HEAD;
	for (char **variable = environ; *variable != NULL; variable++) {
		size_t name_len = strcspn(*variable, "=");

		if (strncmp(*variable, "BODY=", 5) == 0)
			continue;
		value_len = fill(value, sizeof(value), *variable + name_len + 1, number);
		if (len + name_len + value_len + 64 > MESSAGE_MAX)
			abort();
		len += length(out + len, name_len);
		len += length(out + len, value_len);
		memcpy(out + len, *variable, name_len);
		memcpy(out + len + name_len, value, value_len);
		len += name_len + value_len;
	}
	record(out + params, PARAMS, len - params - HEAD);
	len += record(out + len, PARAMS, 0);
	if (body != NULL) {
		len += record(out + len, STDIN, strlen(body));
		memcpy(out + len, body, strlen(body));
		len += strlen(body);
	}
	return len + record(out + len, STDIN, 0);
}

void
message_add(struct message *m, const unsigned char *data, size_t len)
{
	size_t room = sizeof(m->head) - m->len, old;

	if (m->len < sizeof(m->head))
		memcpy(m->head + m->len, data, len < room ? len : room);
	m->len += len;
	if (len >= sizeof(m->tail)) {
		memcpy(m->tail, data + len - sizeof(m->tail), sizeof(m->tail));
		return;
	}
	old = sizeof(m->tail) - len;
	memmove(m->tail, m->tail + len, old);
	memcpy(m->tail + old, data, len);
}

int
message_status(const struct message *m)
{
	static const char status[] = "Status: ";
	const char *text = (const char *)m->head + HEAD;

	if (m->len < sizeof(m->head) + sizeof(m->tail) || m->tail[1] != END ||
	    strncmp(text, status, sizeof(status) - 1) != 0)
		return 0;
	return (int)strtol(text + sizeof(status) - 1, NULL, 10);
}
