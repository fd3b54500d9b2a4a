/*
 * One segment of a path, percent-encoded (RFC 3986 section 2.1): how names of
 * MCP servers travel.
 */
#ifndef PATH_SEGMENT_H
#define PATH_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes a segment. False: out is too small, or it does not hold text (UTF-8 without control
 * bytes). */
bool path_segment_decode(const char *raw, char *out, size_t size);

/* Encodes a name so that it is one segment, the only one that decodes to it. False: out is too
 * small, or no segment can hold it ("", ".", ".."). */
bool path_segment_encode(const char *name, char *out, size_t size);

#endif
