/*
 * Reads the headers in which proxies describe the requests that they forward: comma-separated
 * lists (X-Forwarded-For and the like) and the Forwarded header (RFC 7239).
 */
#ifndef FORWARDED_H
#define FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "http/origin.h"
#include "util/error.h"

#define FORWARDED_NODE_MAX  80 /* bytes: an IPv6 address in brackets with an obfuscated port */
#define FORWARDED_PROTO_MAX 15

struct list_item {
	const char *text;
	size_t len; /* without the blanks around it; may be 0 */
};

/*
 * Takes the last item off a comma-separated list of *len bytes and shortens *len accordingly.
 * False when *len is 0: nothing is left.
 */
bool forwarded_take_last(const char *list, size_t *len, struct list_item *item);

/* One element of a Forwarded header. A member is "" if it was missing or too long. */
struct forwarded {
	char node[FORWARDED_NODE_MAX + 1]; /* for= */
	char proto[FORWARDED_PROTO_MAX + 1];
	char host[ORIGIN_MAX + 1];
};

enum forwarded_step {
	FORWARDED_ELEMENT,
	FORWARDED_END,
	FORWARDED_BAD, /* malformed: do not trust any part of the header */
};

/*
 * Reads the next element from the left and moves *p behind it. *p starts at the header and is
 * NULL after the last element. Trust no element before the whole header has been read: because of
 * quotes, one byte at the beginning can change the meaning of everything after it.
 */
enum forwarded_step forwarded_next(const char **p, struct forwarded *out);

/* Reads the last element of a header. False: the header is malformed anywhere. */
bool forwarded_last(const char *header, struct forwarded *out) MUST_CHECK;

#endif
