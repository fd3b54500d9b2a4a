/*
 * One path segment, percent-encoded (RFC 3986 section 2.1). Paths carry the names of MCP servers
 * in this form.
 */
#ifndef PATH_SEGMENT_H
#define PATH_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Decodes a segment. False: out is too small, or the result is not text (UTF-8 without control
 * bytes).
 */
bool path_segment_decode(const char *raw, char *out, size_t size);

/*
 * Encodes a name as one segment, each name in exactly one way. False: out is too small, or no
 * segment can hold the name ("", ".", "..").
 */
bool path_segment_encode(const char *name, char *out, size_t size);

#endif
