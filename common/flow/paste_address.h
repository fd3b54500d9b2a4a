/*
 * Judges what stands before a query in a pasted text: the address of this sign-in, another one, or
 * none. It compares texts and parses no URL: an address in another spelling is another one.
 */
#ifndef PASTE_ADDRESS_H
#define PASTE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/flow.h"
#include "flow/paste_reading.h"
#include "http/origin.h"

#define PASTE_AUTHORITY_MAX 6

/* The addresses of one sign-in: http or https, one of the authorities, and the path. */
struct paste_address {
	const char *path;
	char authority[PASTE_AUTHORITY_MAX][ORIGIN_MAX + 8]; /* "localhost:1455" */
	size_t listeners; /* the first of them are those of opencode's listener */
	size_t count;
	bool foreign_host; /* paste_address_look() */
};

enum paste_front {
	PASTE_FRONT_OWN,     /* one of the addresses, with or without its scheme */
	PASTE_FRONT_NONE,    /* no authority: the path alone, or nothing */
	PASTE_FRONT_FOREIGN, /* anything else */
};

/* flow must outlive a. */
void
paste_address_init(struct paste_address *a, const struct flow *flow, const char *public_origin);

/*
 * Looks whether the text has Host headers, as a copied request does, and none of them is ours: then
 * a path alone belongs elsewhere.
 */
void paste_address_look(struct paste_address *a, const struct paste_reading *r);

/*
 * Judges what ends at index at, where a '?', a '#' or a query alone begins. Nothing before floor
 * is looked at. *start is where the address begins, or at.
 */
enum paste_front paste_address_judge(const struct paste_address *a, const struct paste_reading *r,
				     size_t floor, size_t at, size_t *start);

/*
 * Returns where the scheme begins if "http://" or "https://" ends at index at, and no longer
 * scheme; else at.
 */
size_t paste_address_scheme(const struct paste_reading *r, size_t at);

/* Returns whether "://" stands between index at and what parts it from the text before. */
bool paste_address_behind_scheme(const struct paste_reading *r, size_t floor, size_t at);

/*
 * Returns the length of the authority at index at if it is one of opencode's listener, or, with
 * any, one of the addresses; else 0.
 */
size_t paste_address_authority(const struct paste_address *a, const struct paste_reading *r,
			       size_t at, bool any);

/*
 * Returns the length of the authority at index at if it is a loopback name, with any port or none;
 * else 0.
 */
size_t paste_address_loopback(const struct paste_reading *r, size_t at);

#endif
