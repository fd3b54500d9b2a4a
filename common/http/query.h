/*
 * A query or a form: application/x-www-form-urlencoded, taken strictly. What
 * opencode might read differently from us is refused, not guessed at.
 */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/error.h"

#define QUERY_PARAMS_MAX 64
#define QUERY_VALUE_MAX	 4096 /* bytes of a name or a value of a query */
#define FORM_VALUE_MAX	 8192 /* bytes of a value of a form: a pasted address, a query */

struct query_param {
	const char *name; /* decoded, NUL-terminated, never holds a NUL inside */
	const char *value;
};

struct query {
	struct query_param param[QUERY_PARAMS_MAX];
	size_t count;
	char *storage; /* owned; wiped by query_free() */
	size_t storage_len;
};

enum query_kind {
	QUERY_STRING, /* of an address: no control byte, no raw byte outside ASCII, no second '?',
			 no '#' */
	QUERY_FORM,   /* of a body: values may hold tab, CR and LF, and be longer */
};

/*
 * Decodes raw (len bytes) into q: first the sizes, then the encoding. Errors: ERR_PARAMS,
 * ERR_VALUE_LONG, ERR_ENCODING, ERR_DUPLICATE (RFC 6749 section 3.1: no parameter twice),
 * ERR_MEMORY. After an error q is empty. Release with query_free() in any case.
 */
enum err query_parse(struct query *q, const char *raw, size_t len, enum query_kind kind) MUST_CHECK;
void query_free(struct query *q);

/* The value of a parameter, or NULL. */
const char *query_get(const struct query *q, const char *name);

/*
 * Copies the raw, still encoded "name=value" of the first parameter called
 * name, which must be plain ASCII, into out behind what is there, with '&'
 * between. Nothing happens if there is none. False if out is too small.
 */
bool query_copy_raw(const char *raw, const char *name, char *out, size_t size);

/*
 * Appends raw, the value of the parameter called name being replaced by value, which must be
 * encoded; every other byte stays as it was. raw must be what query_parse() has taken, with
 * such a parameter in it. Failures stay in out->err.
 */
void query_replace_raw(const char *raw, const char *name, const char *value, struct buf *out);

/* Appends len bytes of any kind in a form that a value in a query may have (RFC 3986 section 2.1).
 */
void query_encode(const char *text, size_t len, struct buf *out);

#endif
