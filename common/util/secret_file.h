/*
 * A password in a file of its own, read each time that it is needed: a new one takes no restart.
 */
#ifndef SECRET_FILE_H
#define SECRET_FILE_H

#include <stdbool.h>

#define PASSWORD_MAX 1024

/*
 * Reads the first line of a file into out, which the caller wipes. False, and the
 * cause in the log: it cannot be read, is a link, is empty or too long.
 */
bool password_read(const char *file, char out[PASSWORD_MAX + 2]);

#endif
