/*
 * Small files in one folder that only our own user may enter. Names are an id
 * and a suffix. A symbolic link that points nowhere is the smallest file there
 * is: made together with its content in one exclusive step, read in one.
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

#define PRIVATE_DIR_NAME_SIZE	 128  /* of a name, with its NUL */
#define PRIVATE_DIR_SYMLINK_SIZE 512  /* of a link's text, with its NUL */
#define PRIVATE_DIR_TEXT_SIZE	 1024 /* the same, of the longest that every file system holds */

/* A folder that stays open between its uses. Filled in by private_dir_init(). */
struct private_dir {
	const char *path; /* not owned */
	uid_t user;	  /* whose it must be: the process's */
	pthread_rwlock_t lock;
	atomic_uint opened; /* how often another folder was found at the path */
	int fd;		    /* -1: not open yet; the number never changes after that */
	dev_t device;
	ino_t inode; /* which folder fd is */
};

void private_dir_init(struct private_dir *f, const char *path);
void private_dir_free(struct private_dir *f);

/*
 * Looks at the path, once in each moment of a thread (wait.h), and gives the open
 * folder that is there now (not to be closed). ERR_STORE: missing, a link, of
 * another user, or open to others (anything but mode 0700 and less); the log has
 * the cause. Thread-safe.
 */
enum err private_dir_enter(struct private_dir *f, int *fd) MUST_CHECK;

/* id and suffix, one behind the other. */
void private_dir_name(char name[PRIVATE_DIR_NAME_SIZE], const char *id, const char *suffix);

/* Makes a link with this text. ERR_TAKEN: the name exists; ERR_STORE. */
enum err
private_dir_symlink_make(int fd, const char *id, const char *suffix, const char *text) MUST_CHECK;

/* Reads one; "" if there is none. ERR_STORE. */
enum err private_dir_symlink_read(int fd, const char *id, const char *suffix,
				  char text[PRIVATE_DIR_SYMLINK_SIZE]) MUST_CHECK;

/* Writes a file that must not exist yet (ERR_TAKEN), mode 0600. ERR_STORE. */
enum err private_dir_file_write(int fd, const char *id, const char *suffix, const char *data,
				size_t len) MUST_CHECK;

/* Appends a whole file. ERR_ABSENT: missing, no plain file, or over the buffer's maximum;
 * ERR_STORE; ERR_MEMORY. */
enum err
private_dir_file_read(int fd, const char *id, const char *suffix, struct buf *out) MUST_CHECK;

/*
 * A text without a NUL, that must not exist yet (ERR_TAKEN): as a link, made in one step, if
 * PRIVATE_DIR_TEXT_SIZE holds it, else as a file. ERR_STORE.
 */
enum err private_dir_text_write(int fd, const char *id, const char *suffix, const char *text,
				size_t len) MUST_CHECK;

/* Whether it would be a link. */
bool private_dir_text_is_symlink(size_t len);

/* Appends a text, whichever it is. Errors as of private_dir_file_read(). */
enum err
private_dir_text_read(int fd, const char *id, const char *suffix, struct buf *out) MUST_CHECK;

/* ERR_TAKEN: there is a file or link of this name; ERR_STORE. */
enum err private_dir_vacant(int fd, const char *name) MUST_CHECK;

/* Removes a file or link, if it is there. */
void private_dir_remove(int fd, const char *id, const char *suffix);

/*
 * Opens a file, made if missing, and waits for the exclusive lock of its byte
 * `start`. Closing *lock ends it, if nothing else has the file open: a mapping
 * has. ERR_STORE.
 */
enum err private_dir_lock(int fd, const char *name, off_t start, int *lock) MUST_CHECK;

/* Ends it and leaves the file open. */
bool private_dir_unlock(int lock, off_t start);

#endif
