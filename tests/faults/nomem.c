/*
 * An allocator that fails once: loaded before libc, it gives NULL at the NOMEM_AT-th allocation,
 * counted from the start of the program or, with NOMEM_THREADS set, only outside its first thread.
 * At the end the number of allocations goes to the file NOMEM_COUNT.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static atomic_long done;
static long fail_at;
static bool counting, threads_only;

__attribute__((constructor)) static void
start(void)
{
	const char *at = getenv("NOMEM_AT");

	fail_at = at == NULL ? 0 : strtol(at, NULL, 10);
	threads_only = getenv("NOMEM_THREADS") != NULL;
	counting = true;
}

__attribute__((destructor)) static void
finish(void)
{
	const char *file = getenv("NOMEM_COUNT");
	char text[24];
	int fd, len;

	counting = false;
	if (file == NULL || (fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
		return;
	len = snprintf(text, sizeof(text), "%ld\n", atomic_load(&done));
	if (write(fd, text, (size_t)len) != len)
		_exit(1);
	close(fd);
}

static bool
fails(void)
{
	if (!counting || (threads_only && syscall(SYS_gettid) == getpid()))
		return false;
	if (atomic_fetch_add(&done, 1) + 1 != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
