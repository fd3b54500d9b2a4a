/*
 * What proxies say of the requests that they forward: comma lists
 * (X-Forwarded-For and its like) and the Forwarded header (RFC 7239).
 */
#ifndef FORWARDED_H
#define FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "http/origin.h"
#include "util/error.h"

#define FORWARDED_NODE_MAX  80 /* an IPv6 address in brackets and a hidden port */
#define FORWARDED_PROTO_MAX 15

struct list_item {
	const char *text;
	size_t len; /* without the blanks around it; may be 0 */
};

/*
 * Takes the last item off a comma list of *len bytes, and shortens *len by it.
 * False once nothing is left: then *len is 0, and was before.
 */
bool forwarded_take_last(const char *list, size_t *len, struct list_item *item);

/* One element of a Forwarded header. What was not said, or is longer than it can be, is "". */
struct forwarded {
	char node[FORWARDED_NODE_MAX + 1]; /* for= */
	char proto[FORWARDED_PROTO_MAX + 1];
	char host[ORIGIN_MAX + 1];
};

enum forwarded_step {
	FORWARDED_ELEMENT,
	FORWARDED_END,
	FORWARDED_BAD, /* no Forwarded header: nothing in it means anything */
};

/*
 * Reads the next element from the left and moves *p behind it; *p starts at the
 * header and is NULL after the last element. What is left of a malformed place
 * can only be believed after the whole header was read: with quotes, one byte
 * at its beginning may change the meaning of all that follows.
 */
enum forwarded_step forwarded_next(const char **p, struct forwarded *out);

/* The last element of a header. False if the header is malformed anywhere. */
bool forwarded_last(const char *header, struct forwarded *out) MUST_CHECK;

#endif
