/*
 * A store in a folder: one host, any number of processes of one user.
 *
 *   ID, ID.*    the files of one flow: see flow_files.h
 *   index       see store_ring.h
 *   lock        byte ranges of it are the locks of groups
 *   note-NAME   symbolic link: "TIME TEXT"
 */
#ifndef DIR_STORE_H
#define DIR_STORE_H

#include "store/store.h"

/*
 * path: a folder of our own user that nobody else may enter (0700). Its path is
 * looked at with each operation, so that a folder that comes later, goes, or
 * changes hands is noticed then: ERR_STORE. Fails with ERR_MEMORY, or ERR_CONFIG for a path that is
 * too long. There is nobody to log in to. login is not looked at.
 */
enum err dir_store_open(const char *path, const struct store_limits *limits,
			const struct store_login *login, struct store **out) MUST_CHECK;

/* Adds what such a store needs. */
void dir_store_access(const char *path, struct store_access *out);

/* Whether path can be one; why says what is wrong. */
bool dir_store_check(const char *path, char *why, size_t why_size);

#endif
