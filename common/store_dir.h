/*
 * A store in a folder: one host, any number of processes of one user.
 *
 *   ID          the record, JSON, written once
 *   ID.url      the authorize URL, while the flow waits
 *   ID.browser  symbolic link: the browser that the flow was bound to
 *   ID.claim    symbolic link: "claim TIME", "superseded TIME" or "expired TIME"
 *   ID.end      symbolic link: "STATE REASON TIME"
 *   index       see store_index.h
 *   lock        byte ranges of it are the locks of groups
 *   note-NAME   symbolic link: "TIME TEXT"
 *
 * A symbolic link that points nowhere is the smallest file there is: made
 * together with its content in one exclusive step, read in one.
 */
#ifndef STORE_DIR_H
#define STORE_DIR_H

#include "store.h"

/*
 * path: a folder of our own user that nobody else may enter (0700). It is
 * looked at with each operation, so that a folder that comes later, goes, or
 * changes hands is noticed then: ERR_STORE. Fails with ERR_MEMORY only.
 */
enum err store_dir_open(const char *path, const struct store_limits *limits, struct store **out)
    MUST_CHECK;

#endif
