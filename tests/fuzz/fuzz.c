#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "util/secret.h"

#define LOG_BYTES_MAX (1024 * 1024)
#define NAP_SECONDS   1 /* how far a nap of any length moves the clock: loops end sooner */

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_nanosleep(const struct timespec *pause, struct timespec *left);
time_t __wrap_time(time_t *out);
void __wrap_syslog(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap___syslog_chk(int priority, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void __wrap___vsyslog_chk(int priority, int flag, const char *format, va_list ap)
    __attribute__((format(printf, 3, 0)));

static int64_t now;
static uint32_t random_next;
static struct buf lines;
static char folder[FUZZ_PATH_MAX / 2];

void
fuzz_fail(const char *file, int line, const char *condition, const char *text)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	if (text != NULL)
		fprintf(stderr, "----\n%s\n----\n", text);
	abort();
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	(void)clock;
	*out = (struct timespec){.tv_sec = now};
	return 0;
}

time_t
__wrap_time(time_t *out)
{
	if (out != NULL)
		*out = now;
	return now;
}

int
__wrap_nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)left;
	now += pause->tv_sec > NAP_SECONDS ? pause->tv_sec : NAP_SECONDS;
	return 0;
}

static void keep_line(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

static void
keep_line(const char *format, va_list ap)
{
	char line[LOG_LINE_MAX + 2];

	vsnprintf(line, sizeof(line), format, ap);
	CHECK_TEXT(strpbrk(line, "\r\n") == NULL, line);
	buf_puts(&lines, line);
	CHECK(buf_putc(&lines, '\n') == ERR_OK);
}

void
__wrap_syslog(int priority, const char *format, ...)
{
	va_list ap;

	(void)priority;
	va_start(ap, format);
	keep_line(format, ap);
	va_end(ap);
}

/* What syslog() is called with _FORTIFY_SOURCE. */
void
__wrap___syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list ap;

	(void)priority;
	(void)flag;
	va_start(ap, format);
	keep_line(format, ap);
	va_end(ap);
}

/* The same, where the header has it in line (glibc 2.40 with clang). */
void
__wrap___vsyslog_chk(int priority, int flag, const char *format, va_list ap)
{
	(void)priority;
	(void)flag;
	keep_line(format, ap);
}

static const char *
random_name(void)
{
	return "fuzz";
}

static uint32_t
random_number(void)
{
	return random_next = random_next * 1664525 + 1013904223;
}

static void
random_bytes(void *const out, const size_t len)
{
	for (size_t i = 0; i < len; i++)
		((unsigned char *)out)[i] = (unsigned char)(random_number() >> 24);
}

static struct randombytes_implementation source = {
    .implementation_name = random_name, .random = random_number, .buf = random_bytes};

static void
remove_folder(void)
{
	fuzz_empty("");
	rmdir(folder);
}

void
fuzz_init(void)
{
	CHECK(randombytes_set_implementation(&source) == 0);
	CHECK(secret_init() == ERR_OK);
	json_object_seed(1);
	buf_init(&lines, LOG_BYTES_MAX);
	log_open(LOG_TO_SYSLOG, LOG_LEVEL_DEBUG);
	/* a log that goes elsewhere could not be searched */
	log_event(LOG_LEVEL_INFO, "start", NULL);
	CHECK(strstr(fuzz_log(), "event=start") != NULL);
	fuzz_reset();
}

void
fuzz_reset(void)
{
	now = FUZZ_NOW;
	random_next = 1;
	fuzz_log_clear();
}

void
fuzz_wait(int64_t seconds)
{
	now += seconds;
}

int64_t
fuzz_now(void)
{
	return now;
}

const char *
fuzz_log(void)
{
	return buf_text(&lines);
}

void
fuzz_log_clear(void)
{
	buf_free(&lines);
}

char *
fuzz_string(const void *data, size_t len)
{
	char *text = malloc(len + 1);

	CHECK(text != NULL);
	memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

bool
piece_next(struct piece *rest, const char *separator, struct piece *out)
{
	size_t len = strlen(separator);
	const char *end;

	if (rest->data == NULL)
		return false;
	end = memmem(rest->data, rest->len, separator, len);
	*out = *rest;
	if (end == NULL) {
		rest->data = NULL;
		return true;
	}
	out->len = (size_t)(end - rest->data);
	rest->len -= out->len + len;
	rest->data = end + len;
	return true;
}

bool
piece_is(const struct piece *p, const char *text)
{
	return p->len == strlen(text) && memcmp(p->data, text, p->len) == 0;
}

bool
piece_has(const struct piece *p, const char *text)
{
	return memmem(p->data, p->len, text, strlen(text)) != NULL;
}

const char *
fuzz_folder(void)
{
	const char *const places[] = {getenv("FUZZ_FOLDER"), "/dev/shm", "/tmp"};

	for (size_t i = 0; folder[0] == '\0' && i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i] == NULL)
			continue;
		snprintf(folder, sizeof(folder), "%s/fuzz-XXXXXX", places[i]);
		if (mkdtemp(folder) == NULL)
			folder[0] = '\0';
		else
			atexit(remove_folder);
	}
	CHECK(folder[0] != '\0');
	return folder;
}

void
fuzz_path(char path[FUZZ_PATH_MAX], const char *name)
{
	int len = snprintf(path, FUZZ_PATH_MAX, "%s/%s", fuzz_folder(), name);

	CHECK(len > 0 && len < FUZZ_PATH_MAX);
}

void
fuzz_file(const char *name, const void *data, size_t len)
{
	char path[FUZZ_PATH_MAX];
	int fd;

	fuzz_path(path, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK_TEXT(fd >= 0, path);
	CHECK(write(fd, data, len) == (ssize_t)len);
	close(fd);
}

void
fuzz_link(const char *name, const char *text)
{
	char path[FUZZ_PATH_MAX];

	fuzz_path(path, name);
	unlink(path);
	CHECK_TEXT(symlink(text, path) == 0, path);
}

void
fuzz_empty(const char *name)
{
	char path[FUZZ_PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	fuzz_path(path, name);
	dir = opendir(path);
	CHECK_TEXT(dir != NULL, path);
	while ((entry = readdir(dir)) != NULL) {
		const char *found = entry->d_name;

		if (strcmp(found, ".") == 0 || strcmp(found, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), found, 0) != 0) {
			char below[FUZZ_PATH_MAX];
			int len = snprintf(below, sizeof(below), "%s%s%s", name,
					   name[0] == '\0' ? "" : "/", found);

			CHECK(len > 0 && (size_t)len < sizeof(below));
			fuzz_empty(below);
			unlinkat(dirfd(dir), found, AT_REMOVEDIR);
		}
	}
	closedir(dir);
}
