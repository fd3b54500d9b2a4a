/*
 * Reads and writes that move one byte at a time, as they may: loaded before libc. Standard error
 * stays as it is, where a line is one write by design.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static size_t
one(size_t len)
{
	return len > 1 ? 1 : len;
}

ssize_t
read(int fd, void *data, size_t len)
{
	return syscall(SYS_read, fd, data, one(len));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	return syscall(SYS_write, fd, data, fd == STDERR_FILENO ? len : one(len));
}

ssize_t
recv(int fd, void *data, size_t len, int flags)
{
	return syscall(SYS_recvfrom, fd, data, one(len), flags, NULL, NULL);
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	return syscall(SYS_sendto, fd, data, one(len), flags, NULL, 0);
}
