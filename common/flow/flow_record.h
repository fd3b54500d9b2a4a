/*
 * A flow's record as text, the same in every store: a first line, then one line NAME=VALUE for
 * each member, in the fixed order of the table in flow_record.c. % and control characters in a
 * value are written as %XX.
 */
#ifndef FLOW_RECORD_H
#define FLOW_RECORD_H

#include "flow/flow.h"
#include "util/buf.h"
#include "util/error.h"

#define FLOW_RECORD_MAX 40960 /* bytes */

/* Appends the record. ERR_MEMORY, ERR_TOO_LARGE. */
enum err flow_record_write(const struct flow *flow, struct buf *out) MUST_CHECK;

/* Reads a record of len bytes. ERR_UNKNOWN_FLOW: truncated, foreign or otherwise not a record. */
enum err flow_record_read(const char *text, size_t len, struct flow *flow) MUST_CHECK;

#endif
