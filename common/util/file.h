/*
 * Opens files after the program has started.
 */
#ifndef FILE_H
#define FILE_H

/*
 * Opens an absolute path; flags as for open(), without O_CREAT. Returns -1 with errno on failure.
 * Unlike the C library's open(), it does not use AT_FDCWD, for which the sandbox kills the
 * process.
 */
int file_open(const char *path, int flags);

#endif
