/*
 * Checks Unix sockets by their path.
 */
#ifndef UNIX_PATH_H
#define UNIX_PATH_H

#include <sys/un.h>

#define UNIX_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path) /* with its NUL */

/*
 * Returns why the socket at an absolute path cannot be trusted with secrets; NULL if it can. A
 * socket in a folder that everybody can write to cannot: somebody else could have put it there.
 */
const char *unix_path_fault(const char *path);

#endif
