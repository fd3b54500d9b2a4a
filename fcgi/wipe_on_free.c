/*
 * Wipes every heap block when it is freed. Requests leave codes and cookies in blocks of
 * libfcgi, libcurl and jansson as well, which free them unwiped. (OpenBSD's malloc does this by
 * itself.)
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* These sanitizers have a heap of their own. */
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_IS_GLIBC 0
#elif defined(__has_feature)
#define HEAP_IS_GLIBC (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define HEAP_IS_GLIBC 1
#endif

#if HEAP_IS_GLIBC

/* glibc's free(), by its internal name. */
void heap_free(void *block) __asm__("__libc_free");

void
free(void *block)
{
	if (block != NULL)
		explicit_bzero(block, malloc_usable_size(block));
	heap_free(block);
}

void *
realloc(void *block, size_t size)
{
	size_t old = block == NULL ? 0 : malloc_usable_size(block);
	void *moved;

	if (block != NULL && size == 0) { /* as glibc does it */
		free(block);
		return NULL;
	}
	if (block != NULL && size <= old && size > old / 2)
		return block;
	if ((moved = malloc(size)) == NULL)
		return NULL;
	if (block != NULL)
		memcpy(moved, block, old < size ? old : size);
	free(block);
	return moved;
}

#endif
