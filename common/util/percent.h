/*
 * Percent-encoding (RFC 3986 section 2.1), one byte at a time.
 */
#ifndef PERCENT_H
#define PERCENT_H

#include <stddef.h>

/* The byte that "%XX" stands for, with digits in either case; -1: text does not begin with one.
 * left: bytes from the '%' on. */
int percent_decode(const char *text, size_t left);

/* Writes "%XX" with upper-case digits; no NUL. */
void percent_encode(unsigned char byte, char out[3]);

#endif
