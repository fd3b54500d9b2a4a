/*
 * A growing byte buffer with a named maximum, NUL-terminated once it holds anything. The first
 * failure (maximum reached, out of memory) empties it and sticks, so a caller may append many
 * pieces and check once at the end: a buffer is whole or in error, never truncated.
 */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>

#include "util/error.h"

#define BUF_KEPT_MAX 16384 /* bytes of memory that buf_clear() keeps */

struct buf {
	char *data;   /* NUL-terminated once anything was appended; owned by the buffer */
	size_t len;   /* bytes in data, without the NUL */
	size_t size;  /* bytes allocated */
	size_t max;   /* len never exceeds this */
	enum err err; /* the first failure, ERR_OK so far */
};

/* Starts an empty buffer that may grow to max bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);

/*
 * Wipes and frees the content, and clears the error; the buffer may be used again with the same
 * maximum.
 */
void buf_free(struct buf *b);

/* Does the same, but keeps up to BUF_KEPT_MAX bytes of memory for what is appended next. */
void buf_clear(struct buf *b);

/* Append to the buffer. Return its first failure: ERR_TOO_LARGE or ERR_MEMORY, also in b->err. */
enum err buf_add(struct buf *b, const void *data, size_t len);
enum err buf_puts(struct buf *b, const char *text);
enum err buf_putc(struct buf *b, char c);
enum err buf_number(struct buf *b, size_t number); /* in decimal */
enum err buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Returns the content as a string, "" while empty. Valid until the buffer changes. */
const char *buf_text(const struct buf *b);

#endif
