/*
 * Opening files after the start of the program.
 */
#ifndef FILE_H
#define FILE_H

/*
 * Opens an absolute path; flags as of open(), none that creates. -1, with errno. The C library
 * opens paths by AT_FDCWD, and the sandbox ends a process that does so once it is in it.
 */
int file_open(const char *path, int flags);

#endif
