/*
 * Reads passwords and keys from files of their own.
 */
#ifndef SECRET_FILE_H
#define SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_MAX 1024

/*
 * Reads the first size bytes of a file into out, without a NUL; *len is their number. With
 * owner_only, it must be a regular file that only its owner may read or write. A symbolic link is
 * refused. Returns NULL, or what is wrong, in words that follow the file's name. The caller wipes
 * out in any case.
 */
const char *
secret_file_read(const char *path, bool owner_only, char *out, size_t size, size_t *len);

/*
 * Reads the first line of a file into out, which the caller wipes. Callers read it each time they
 * need it, so that a new password takes no restart. False, with the cause in the log: the file
 * cannot be read, is a symbolic link, or its first line is empty or too long.
 */
bool secret_file_password(const char *path, char out[PASSWORD_MAX + 2]);

#endif
