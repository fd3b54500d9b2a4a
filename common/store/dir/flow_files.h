/*
 * The files of one flow in a store folder:
 *
 *   ID          the record (see flow/flow_record.h), written once
 *   ID.url      the authorize URL, while the flow waits
 *   ID.browser  symbolic link: the browser that the flow was bound to
 *   ID.claim    symbolic link: "claim TIME", "superseded TIME" or "expired TIME"
 *   ID.end      symbolic link: "STATE REASON"; only beside a claim
 *
 * No file ever changes; each step of a flow's life creates one more name, exclusively.
 */
#ifndef FLOW_FILES_H
#define FLOW_FILES_H

#include "store/store.h"
#include "util/error.h"

/*
 * Writes the record and the authorize URL; the record comes last, so that a flow is there as a
 * whole or not at all. ERR_TAKEN, ERR_STORE, ERR_MEMORY.
 */
enum err flow_files_write(int dir, const struct flow *flow, const char *authorize_url) MUST_CHECK;

/* Reads a flow as of out->now, which the caller sets. ERR_UNKNOWN_FLOW, ERR_STORE. */
enum err flow_files_read(int dir, const char *id, struct snapshot *out) MUST_CHECK;

/* Returns whether a flow has ended: it was superseded, or its end is recorded. */
bool flow_files_ended(int dir, const char *id);

/* Removes all files of a flow. */
void flow_files_remove(int dir, const char *id);

#endif
