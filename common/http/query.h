/*
 * A query or a form (application/x-www-form-urlencoded), parsed strictly: what opencode might
 * read differently is refused, not guessed at.
 */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "util/error.h"

#define QUERY_PARAMS_MAX 64
#define QUERY_VALUE_MAX	 4096  /* bytes of a name or a value of a query */
#define FORM_VALUE_MAX	 16384 /* bytes of a name or a value of a form, such as a pasted text */

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
	QUERY_STRING,	/* of a URL: no control byte, raw non-ASCII byte, second '?' or '#' */
	QUERY_REPEATED, /* the same, but a name may repeat: query_get() gives the first */
	QUERY_FORM,	/* of a body: values may hold tab, CR and LF, and be longer */
};

/*
 * Decodes raw (len bytes) into q. Errors: ERR_PARAMS, ERR_VALUE_LONG, ERR_ENCODING, ERR_DUPLICATE
 * (RFC 6749 section 3.1: no parameter twice), ERR_MEMORY; q is then empty. Release q with
 * query_free() in any case.
 */
enum err query_parse(struct query *q, const char *raw, size_t len, enum query_kind kind) MUST_CHECK;
void query_free(struct query *q);

/* Returns whether a name stands more than once in a query. */
bool query_repeats(const struct query *q, const char *name);

/* Returns the decoded value of a parameter, owned by q, or NULL. */
const char *query_get(const struct query *q, const char *name);

/*
 * Appends the raw, still encoded "name=value" of the first parameter called name, which must be
 * plain ASCII, to out (size bytes), after an '&' if out is not empty. Does nothing if there is
 * none. False: out is too small.
 */
bool query_copy_raw(const char *raw, const char *name, char *out, size_t size);

/*
 * Appends raw with the value of the parameter called name replaced by value, which must be
 * encoded; all other bytes are unchanged. query_parse() must have accepted raw, and found such a
 * parameter in it. Failures stay in out->err.
 */
void query_replace_raw(const char *raw, const char *name, const char *value, struct buf *out);

/* Appends len bytes, percent-encoded for the value of a query (RFC 3986 section 2.1). */
void query_encode(const char *text, size_t len, struct buf *out);

#endif
