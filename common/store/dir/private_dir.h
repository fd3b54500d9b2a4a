/*
 * Small files in one folder that only our own user may enter. A name is an id and a suffix. A
 * symbolic link that points nowhere is the smallest possible file: it is made with its content in
 * one exclusive step, and read in one.
 */
#ifndef PRIVATE_DIR_H
#define PRIVATE_DIR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/buf.h"
#include "util/error.h"

#define PRIVATE_DIR_NAME_SIZE	 128  /* bytes of a name, with its NUL */
#define PRIVATE_DIR_SYMLINK_SIZE 512  /* bytes of a symbolic link's text, with its NUL */
#define PRIVATE_DIR_TEXT_SIZE	 1024 /* the same, for the longest that all file systems hold */

/* A folder that stays open between its uses; initialised by private_dir_init(). */
struct private_dir {
	const char *path; /* not owned */
	uid_t user;	  /* its required owner: the user of the process */
	pthread_rwlock_t lock;
	atomic_uint opened; /* how many times another folder was found at the path */
	int fd;		    /* -1: not open yet; once open, the number never changes */
	dev_t device;
	ino_t inode; /* with device: identifies the open folder */
};

void private_dir_init(struct private_dir *f, const char *path);
void private_dir_free(struct private_dir *f);

/*
 * Checks the path, once in each generation of a thread (util/blocking.h), and sets *fd to the
 * open folder that is there now; the caller does not close it. ERR_STORE: it is missing, a
 * symbolic link, of another user, or open to others (mode bits beyond 0700); the log has the
 * cause. Thread-safe.
 */
enum err private_dir_enter(struct private_dir *f, int *fd) MUST_CHECK;

/* Writes id followed by suffix. */
void private_dir_name(char name[PRIVATE_DIR_NAME_SIZE], const char *id, const char *suffix);

/* Makes a symbolic link with this text. ERR_TAKEN: the name exists; ERR_STORE. */
enum err
private_dir_symlink_make(int fd, const char *id, const char *suffix, const char *text) MUST_CHECK;

/* Reads the text of a symbolic link; "" if there is none. ERR_STORE. */
enum err private_dir_symlink_read(int fd, const char *id, const char *suffix,
				  char text[PRIVATE_DIR_SYMLINK_SIZE]) MUST_CHECK;

/* Writes a new file with mode 0600. ERR_TAKEN: it exists; ERR_STORE. */
enum err private_dir_file_write(int fd, const char *id, const char *suffix, const char *data,
				size_t len) MUST_CHECK;

/*
 * Appends a whole file. ERR_ABSENT: it is missing, not a regular file, or larger than the
 * buffer's maximum; ERR_STORE; ERR_MEMORY.
 */
enum err
private_dir_file_read(int fd, const char *id, const char *suffix, struct buf *out) MUST_CHECK;

/*
 * Writes a new text without NUL bytes: as a symbolic link, in one step, if PRIVATE_DIR_TEXT_SIZE
 * holds it, else as a file. ERR_TAKEN: the name exists; ERR_STORE.
 */
enum err private_dir_text_write(int fd, const char *id, const char *suffix, const char *text,
				size_t len) MUST_CHECK;

/* Returns whether a text of this length is written as a symbolic link. */
bool private_dir_text_is_symlink(size_t len);

/* Appends a text, whichever form it has. Errors as of private_dir_file_read(). */
enum err
private_dir_text_read(int fd, const char *id, const char *suffix, struct buf *out) MUST_CHECK;

/* Checks that a name is free. ERR_TAKEN: a file or symbolic link has it; ERR_STORE. */
enum err private_dir_vacant(int fd, const char *name) MUST_CHECK;

/* Removes a file or symbolic link, if it is there. */
void private_dir_remove(int fd, const char *id, const char *suffix);

/*
 * Opens a file, creating it if missing, and waits for the exclusive lock of its byte `start`.
 * Closing *lock releases it, unless something else keeps the file open: a mapping does.
 * ERR_STORE.
 */
enum err private_dir_lock(int fd, const char *name, off_t start, int *lock) MUST_CHECK;

/* Releases the lock and leaves the file open. False: it could not. */
bool private_dir_unlock(int lock, off_t start);

#endif
