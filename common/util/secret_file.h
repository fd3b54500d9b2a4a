/*
 * Secrets in files of their own: passwords and keys.
 */
#ifndef SECRET_FILE_H
#define SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_MAX 1024

/*
 * Reads a file into out (size bytes): its first size bytes, *len says how many, no NUL. With
 * owner_only, it must be a plain file that nobody but its owner may read or write. Returns what is
 * wrong, as words that go behind the file's name, or NULL. The caller wipes out in any case.
 */
const char *
secret_file_read(const char *path, bool owner_only, char *out, size_t size, size_t *len);

/*
 * Reads the first line of a file into out, which the caller wipes. It is read each time that it is
 * needed, so a new password takes no restart. False, and the cause is in the log: the file cannot
 * be read, is a link, is empty or too long.
 */
bool secret_file_password(const char *path, char out[PASSWORD_MAX + 2]);

#endif
