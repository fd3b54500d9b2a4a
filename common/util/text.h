/*
 * Short texts in arrays of fixed size.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Writes a, then b, NUL-terminated. False, and out is empty, if size bytes do not hold both. */
bool text_join(char *out, size_t size, const char *a, const char *b);

/* The same of one text alone. */
bool text_copy(char *out, size_t size, const char *text);

#endif
