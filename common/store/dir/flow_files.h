/*
 * The files of one flow in a store folder:
 *
 *   ID          the record (see flow_record.h), written once
 *   ID.url      the authorize URL, while the flow waits
 *   ID.browser  symbolic link: the browser that the flow was bound to
 *   ID.claim    symbolic link: "claim TIME", "superseded TIME" or "expired TIME"
 *   ID.end      symbolic link: "STATE REASON"; only beside a claim
 *
 * No file is ever changed; each step of a flow's life is one more name, made exclusively.
 */
#ifndef FLOW_FILES_H
#define FLOW_FILES_H

#include "store/store.h"
#include "util/error.h"

/*
 * Writes record and authorize URL; the record comes last, so that a flow is
 * there as a whole or not at all. ERR_TAKEN, ERR_STORE, ERR_MEMORY.
 */
enum err flow_files_write(int dir, const struct flow *flow, const char *authorize_url) MUST_CHECK;

/* Reads a flow as it stands at out->now, which is given. ERR_UNKNOWN_FLOW, ERR_STORE. */
enum err flow_files_read(int dir, const char *id, struct snapshot *out) MUST_CHECK;

/* Whether a flow has ended: superseded, or its end is written down. */
bool flow_files_ended(int dir, const char *id);

/* Removes all of them. */
void flow_files_remove(int dir, const char *id);

#endif
