/*
 * Percent-encoding (RFC 3986 section 2.1), one byte at a time.
 */
#ifndef PERCENT_H
#define PERCENT_H

#include <stddef.h>

/*
 * Returns the byte that "%XX" at text stands for, with digits in either case; -1 if there is
 * none. left: bytes from the '%' on.
 */
int percent_decode(const char *text, size_t left);

/* Writes "%XX" with upper-case digits and no NUL. */
void percent_encode(unsigned char byte, char out[3]);

#endif
