/*
 * An allocator that fails once: loaded before libc, it gives NULL at the NOMEM_AT-th allocation,
 * counted from the start of the program or, with NOMEM_THREADS set, only outside its first thread.
 * After main() all succeed: what is left then is no work of the program (gcov writes its numbers).
 * At the end the number of allocations goes to the file NOMEM_COUNT.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
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

static int (*program)(int, char **, char **);

static int
main_only(int argc, char **argv, char **envp)
{
	int status = program(argc, argv, envp);

	counting = false;
	return status;
}

typedef int start_fn(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
		     void (*)(void), void *);

/* What a program's own start code calls. */
extern start_fn __libc_start_main;

int
__libc_start_main(int (*given)(int, char **, char **), int argc, char **argv, void (*init)(void),
		  void (*fini)(void), void (*loader)(void), void *stack)
{
	start_fn *real = (start_fn *)(uintptr_t)dlsym(RTLD_NEXT, "__libc_start_main");

	program = given;
	return real(main_only, argc, argv, init, fini, loader, stack);
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
