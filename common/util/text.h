/*
 * Writes short texts into arrays of fixed size.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Writes a followed by b, NUL-terminated. False, with out empty: size bytes cannot hold both. */
bool text_join(char *out, size_t size, const char *a, const char *b);

/* Does the same with one text. */
bool text_copy(char *out, size_t size, const char *text);

#endif
