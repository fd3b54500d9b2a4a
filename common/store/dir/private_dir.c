#include "store/dir/private_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/blocking.h"
#include "util/file.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/text.h"

void
private_dir_init(struct private_dir *f, const char *path)
{
	*f = (struct private_dir){.path = path, .user = geteuid(), .fd = -1};
	pthread_rwlock_init(&f->lock, NULL);
}

void
private_dir_free(struct private_dir *f)
{
	if (f->fd >= 0)
		close(f->fd);
	pthread_rwlock_destroy(&f->lock);
}

/* Returns why this is not a folder for user alone; NULL if it is. */
static const char *
folder_fault(const struct stat *st, uid_t user)
{
	if (!S_ISDIR(st->st_mode))
		return "is not a folder";
	if (st->st_uid != user)
		return "belongs to another user";
	if ((st->st_mode & 077) != 0)
		return "others may enter it: its mode must be 0700";
	return NULL;
}

/* Opens the folder that is at the path now; keeps the descriptor's old number if there is one. */
static const char *
folder_open(struct private_dir *f, bool *denied)
{
	int fd = file_open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st = {.st_dev = 0};
	const char *cause = NULL;

	*denied = fd < 0 && errno == EACCES;
	if (fd < 0 || fstat(fd, &st) != 0)
		cause = strerror(errno);
	else
		cause = folder_fault(&st, f->user);
	if (cause == NULL && f->fd < 0) {
		f->fd = fd;
		fd = -1;
	} else if (cause == NULL && dup3(fd, f->fd, O_CLOEXEC) < 0) {
		cause = strerror(errno);
	}
	if (cause == NULL) {
		f->device = st.st_dev;
		f->inode = st.st_ino;
		atomic_fetch_add(&f->opened, 1);
	}
	if (fd >= 0)
		close(fd);
	return cause;
}

static bool
is_open(const struct private_dir *f, const struct stat *st)
{
	return f->fd >= 0 && f->device == st->st_dev && f->inode == st->st_ino;
}

/* Returns the descriptor if the folder that st describes is open, else -1. */
static int
open_already(struct private_dir *f, const struct stat *st)
{
	int fd;

	pthread_rwlock_rdlock(&f->lock);
	fd = is_open(f, st) ? f->fd : -1;
	pthread_rwlock_unlock(&f->lock);
	return fd;
}

/* The folder that this thread last found in order, and in which generation. */
static _Thread_local struct {
	const struct private_dir *folder;
	unsigned generation;
	int fd;
} seen;

enum err
private_dir_enter(struct private_dir *f, int *fd)
{
	const char *cause = NULL;
	bool denied = false;
	struct stat st;

	if (seen.folder == f && seen.generation == blocking_generation() && seen.generation != 0) {
		*fd = seen.fd;
		return ERR_OK;
	}
	if (lstat(f->path, &st) != 0)
		cause = strerror(errno);
	else
		cause = folder_fault(&st, f->user);
	if (cause == NULL && (*fd = open_already(f, &st)) < 0) {
		pthread_rwlock_wrlock(&f->lock);
		if (!is_open(f, &st))
			cause = folder_open(f, &denied);
		*fd = f->fd;
		pthread_rwlock_unlock(&f->lock);
	}
	if (cause == NULL) {
		seen.folder = f;
		seen.generation = blocking_generation();
		seen.fd = *fd;
		return ERR_OK;
	}
	log_event(LOG_LEVEL_ERROR, "store-unusable", "folder", f->path, "cause", cause, "hint",
		  denied ? "if it was made anew, restart the worker" : NULL, NULL);
	return ERR_STORE;
}

void
private_dir_name(char name[PRIVATE_DIR_NAME_SIZE], const char *id, const char *suffix)
{
	(void)text_join(name, PRIVATE_DIR_NAME_SIZE, id, suffix);
}

enum err
private_dir_symlink_make(int fd, const char *id, const char *suffix, const char *text)
{
	char name[PRIVATE_DIR_NAME_SIZE];

	private_dir_name(name, id, suffix);
	if (symlinkat(text, fd, name) == 0)
		return ERR_OK;
	if (errno == EEXIST)
		return ERR_TAKEN;
	log_event(LOG_LEVEL_ERROR, "store-write", "file", name, "cause", strerror(errno), NULL);
	return ERR_STORE;
}

/* Reads the text of a symbolic link; "" if there is none. */
static enum err
symlink_read(int fd, const char *name, char text[PRIVATE_DIR_SYMLINK_SIZE])
{
	ssize_t len = readlinkat(fd, name, text, PRIVATE_DIR_SYMLINK_SIZE - 1);

	text[len > 0 ? len : 0] = '\0';
	return len >= 0 || errno == ENOENT || errno == EINVAL ? ERR_OK : ERR_STORE;
}

enum err
private_dir_symlink_read(int fd, const char *id, const char *suffix,
			 char text[PRIVATE_DIR_SYMLINK_SIZE])
{
	char name[PRIVATE_DIR_NAME_SIZE];

	private_dir_name(name, id, suffix);
	return symlink_read(fd, name, text);
}

enum err
private_dir_vacant(int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return ERR_TAKEN;
	return errno == ENOENT ? ERR_OK : ERR_STORE;
}

void
private_dir_remove(int fd, const char *id, const char *suffix)
{
	char name[PRIVATE_DIR_NAME_SIZE];

	private_dir_name(name, id, suffix);
	unlinkat(fd, name, 0);
}

enum err
private_dir_file_write(int dir, const char *id, const char *suffix, const char *data, size_t len)
{
	char name[PRIVATE_DIR_NAME_SIZE];
	enum err err = ERR_OK;
	ssize_t n;
	int fd;

	private_dir_name(name, id, suffix);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? ERR_TAKEN : ERR_STORE;
	for (; len > 0; data += n, len -= (size_t)n)
		if ((n = write(fd, data, len)) <= 0) {
			err = ERR_STORE;
			break;
		}
	if (close(fd) != 0)
		err = ERR_STORE;
	return err;
}

/* Reads size bytes: our files do not grow, so this is the whole file. */
static enum err __attribute__((noinline)) /* keeps the chunk off the stack where nothing is read */
read_whole(int fd, off_t size, struct buf *out)
{
	char chunk[4096];
	ssize_t n = 0;

	for (off_t got = 0; got < size && (n = read(fd, chunk, sizeof(chunk))) > 0 &&
			    buf_add(out, chunk, (size_t)n) == ERR_OK;
	     got += n)
		continue;
	secret_wipe(chunk, sizeof(chunk));
	if (n < 0)
		return ERR_STORE;
	return out->err == ERR_TOO_LARGE ? ERR_ABSENT : out->err;
}

enum err
private_dir_file_read(int dir, const char *id, const char *suffix, struct buf *out)
{
	char name[PRIVATE_DIR_NAME_SIZE];
	struct stat st;
	enum err err = ERR_ABSENT;
	int fd;

	private_dir_name(name, id, suffix);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? ERR_ABSENT : ERR_STORE;
	if (fstat(fd, &st) != 0)
		err = ERR_STORE;
	else if (S_ISREG(st.st_mode))
		err = read_whole(fd, st.st_size, out);
	close(fd);
	return err;
}

bool
private_dir_text_is_symlink(size_t len)
{
	return len > 0 && len < PRIVATE_DIR_TEXT_SIZE;
}

enum err
private_dir_text_write(int fd, const char *id, const char *suffix, const char *text, size_t len)
{
	char name[PRIVATE_DIR_NAME_SIZE];

	if (!private_dir_text_is_symlink(len))
		return private_dir_file_write(fd, id, suffix, text, len);
	private_dir_name(name, id, suffix);
	if (symlinkat(text, fd, name) == 0)
		return ERR_OK;
	return errno == EEXIST ? ERR_TAKEN : ERR_STORE;
}

enum err
private_dir_text_read(int fd, const char *id, const char *suffix, struct buf *out)
{
	char name[PRIVATE_DIR_NAME_SIZE], text[PRIVATE_DIR_TEXT_SIZE];
	enum err err;
	ssize_t len;

	private_dir_name(name, id, suffix);
	len = readlinkat(fd, name, text, sizeof(text));
	if (len < 0 && errno == EINVAL)
		return private_dir_file_read(fd, id, suffix, out);
	if (len < 0)
		return errno == ENOENT ? ERR_ABSENT : ERR_STORE;
	if (len == sizeof(text)) /* too long to be ours */
		return ERR_ABSENT;
	err = buf_add(out, text, (size_t)len);
	secret_wipe(text, (size_t)len);
	return err == ERR_TOO_LARGE ? ERR_ABSENT : err;
}

enum err
private_dir_lock(int fd, const char *name, off_t start, int *out)
{
	struct flock range = {
	    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
	int r, lock;

	lock = openat(fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (lock < 0)
		return ERR_STORE;
	/* the lock is the open file's, not the process's: threads exclude each other too */
	r = fcntl(lock, F_OFD_SETLK, &range);
	if (r < 0)
		blocking_begin();
	while (r < 0 && (errno == EINTR || errno == EAGAIN || errno == EACCES))
		r = fcntl(lock, F_OFD_SETLKW, &range);
	if (r < 0) {
		close(lock);
		return ERR_STORE;
	}
	*out = lock;
	return ERR_OK;
}

bool
private_dir_unlock(int lock, off_t start)
{
	struct flock range = {
	    .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};

	return fcntl(lock, F_OFD_SETLK, &range) == 0;
}
