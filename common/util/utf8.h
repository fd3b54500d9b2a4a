/*
 * UTF-8 (RFC 3629).
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Returns whether text is well-formed UTF-8: no overlong form, no surrogate. */
bool utf8_valid(const char *text, size_t len);

#endif
