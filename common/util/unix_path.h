/*
 * Sockets that have a path.
 */
#ifndef UNIX_PATH_H
#define UNIX_PATH_H

#include <sys/un.h>

#define UNIX_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path) /* with its NUL */

/*
 * Why an absolute path is no socket to be trusted with secrets; NULL if it is one.
 * One that somebody else could have put there is none.
 */
const char *unix_path_fault(const char *path);

#endif
