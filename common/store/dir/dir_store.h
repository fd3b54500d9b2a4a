/*
 * A store in a folder, for one host and any number of processes of one user.
 *
 *   ID, ID.*    the files of one flow: see flow_files.h
 *   index       see dir_index_file.h
 *   limit       see dir_rate_limit.h
 *   lock        its byte ranges are the locks of groups
 *   note-NAME   symbolic link: "TIME TEXT"
 */
#ifndef DIR_STORE_H
#define DIR_STORE_H

#include "store/store.h"

/*
 * Opens a store. path: a folder of our own user that nobody else may enter (0700). Each operation
 * checks it, as private_dir_enter() does, so that a folder that appears later, goes, or changes
 * its owner is noticed then: ERR_STORE. login is ignored: there is nothing to log in to.
 * ERR_MEMORY; ERR_CONFIG: the path is too long.
 */
enum err dir_store_open(const char *path, const struct store_limits *limits,
			const struct store_login *login, struct store **out) MUST_CHECK;

/* Adds what such a store needs to *out. */
void dir_store_access(const char *path, struct store_access *out);

/* Returns whether path can be a store; if not, why says what is wrong. */
bool dir_store_check(const char *path, char *why, size_t why_size);

#endif
