#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/dir/dir_rate_limit.h"
#include "store/dir/private_dir.h"
#include "util/log.h"
#include "util/secret.h"

#define PROCESSES 4
#define THREADS	  4
#define BURST	  100

/* One a second, three at once. */
static const struct store_limits limits = {.rate = 60, .burst = 3};
static const int64_t start = 1000000;
static char folder[64];
static int dir;
static struct private_dir entered;
static struct dir_rate_limit limit;

static int
open_limit(void **state)
{
	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	snprintf(folder, sizeof(folder), "/tmp/opencode-callback-limit-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	private_dir_init(&entered, folder);
	dir_rate_limit_init(&limit, &entered);
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	return dir < 0 ? -1 : 0;
}

static int
close_limit(void **state)
{
	(void)state;
	dir_rate_limit_free(&limit);
	private_dir_free(&entered);
	unlinkat(dir, "limit", 0);
	unlinkat(dir, "lock", 0);
	close(dir);
	return rmdir(folder);
}

/* Takes one from the allowance of a client, some milliseconds after the start. */
static enum err
consume_one(uint64_t client, int64_t ms, struct allowance *out)
{
	return dir_rate_limit_consume(&limit, start + ms, &limits, client, 1, out);
}

static void
assert_free(uint64_t client, int64_t ms, int times)
{
	struct allowance a;

	for (int i = 0; i < times; i++)
		assert_int_equal(consume_one(client, ms, &a), ERR_OK);
	assert_int_equal(consume_one(client, ms, &a), ERR_RATE);
}

static void
it_is_used_up_and_grows_again(void **state)
{
	struct allowance a;

	(void)state;
	assert_free(1, 0, 3);
	assert_int_equal(consume_one(1, 0, &a), ERR_RATE);
	assert_int_equal(a.wait, 1);
	assert_int_equal(consume_one(1, 999, &a), ERR_RATE);
	assert_free(1, 1000, 1);
	assert_free(1, 3500, 2);
	assert_free(1, 60000, 3);
}

static void
nobody_pays_for_another(void **state)
{
	(void)state;
	assert_free(1, 0, 3);
	for (uint64_t client = 2; client < 2000; client++)
		assert_free(client, 0, 3);
}

static void
looking_costs_nothing(void **state)
{
	struct allowance a;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(dir_rate_limit_consume(&limit, start, &limits, 1, 0, &a), ERR_OK);
	assert_free(1, 0, 3);
	assert_int_equal(dir_rate_limit_consume(&limit, start, &limits, 1, 0, &a), ERR_RATE);
	assert_int_equal(a.wait, 1);
	assert_false(a.first);
}

/* Not again with each request that is allowed in between, but after a pause. */
static void
it_is_told_once(void **state)
{
	struct allowance a;
	int told = 0;

	(void)state;
	for (int64_t ms = 0; ms < 30000; ms += 10) {
		consume_one(1, ms, &a);
		told += a.first;
	}
	assert_int_equal(told, 1);
	for (int i = 0; i < 4; i++) {
		consume_one(1, 90000, &a);
		told += a.first;
	}
	assert_int_equal(told, 2);
}

static void
another_clock_locks_nobody_out(void **state)
{
	(void)state;
	assert_free(1, 0, 3);
	assert_free(1, -500000, 3);
	assert_free(1, 0, 3);
}

/* A file of this size, whoever comes; who was forgotten begins anew, who goes on does not. */
static void
it_never_grows(void **state)
{
	struct allowance a;
	struct stat st;

	(void)state;
	for (uint64_t client = 1; client < 100000; client++) {
		assert_int_equal(consume_one(client, 0, &a), ERR_OK);
		consume_one(0, 0, &a);
	}
	assert_int_equal(consume_one(0, 0, &a), ERR_RATE);
	assert_int_equal(fstatat(dir, "limit", &st, 0), 0);
	assert_int_equal(st.st_size, 64 + 64 * 1024);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
put(const char *name, const char *data, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void
what_is_no_such_file_is_made_anew(void **state)
{
	static char zeros[64 + 64 * 1024];

	(void)state;
	put("limit", "x", 1);
	assert_free(1, 0, 3);
	dir_rate_limit_free(&limit);
	dir_rate_limit_init(&limit, &entered);
	assert_free(1, 1000, 1);
	put("limit", zeros, sizeof(zeros));
	dir_rate_limit_free(&limit);
	dir_rate_limit_init(&limit, &entered);
	assert_free(1, 0, 3);
	unlinkat(dir, "limit", 0);
	assert_int_equal(symlinkat("/etc/passwd", dir, "limit"), 0);
	assert_free(1, 0, 3);
	unlinkat(dir, "limit", 0);
	assert_int_equal(mkfifoat(dir, "limit", 0600), 0);
	assert_free(1, 0, 3);
	/* left by a process that died in between */
	unlinkat(dir, "limit", 0);
	put("limit.new", "x", 1);
	assert_free(1, 0, 3);
	assert_int_equal(faccessat(dir, "limit.new", F_OK, 0), -1);
}

static void
a_folder_in_its_place_is_an_error(void **state)
{
	struct allowance a;

	(void)state;
	assert_int_equal(mkdirat(dir, "limit", 0700), 0);
	assert_int_equal(consume_one(1, 0, &a), ERR_STORE);
	assert_int_equal(unlinkat(dir, "limit", AT_REMOVEDIR), 0);
	assert_int_equal(consume_one(1, 0, &a), ERR_OK);
}

static const struct store_limits crowd = {.rate = 1, .burst = BURST};
static atomic_int granted;

static void *
race(void *unused)
{
	struct allowance a;

	(void)unused;
	for (int i = 0; i < BURST; i++)
		if (dir_rate_limit_consume(&limit, start, &crowd, 1, 1, &a) == ERR_OK)
			atomic_fetch_add(&granted, 1);
	return NULL;
}

/* In each process its own mapping; the exit status carries what was granted. */
static int
race_here(void)
{
	pthread_t thread[THREADS];

	dir_rate_limit_free(&limit);
	dir_rate_limit_init(&limit, &entered);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, race, NULL) != 0)
			_exit(255);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return atomic_load(&granted);
}

static void
of_many_at_once_so_many_are_granted(void **state)
{
	int sum = 0, status;
	pid_t pid[PROCESSES];

	(void)state;
	for (size_t i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0)
			_exit(race_here());
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		sum += WEXITSTATUS(status);
	}
	assert_int_equal(sum, BURST);
}

#define LIMIT_TEST(f) cmocka_unit_test_setup_teardown(f, open_limit, close_limit)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    LIMIT_TEST(it_is_used_up_and_grows_again),
	    LIMIT_TEST(nobody_pays_for_another),
	    LIMIT_TEST(looking_costs_nothing),
	    LIMIT_TEST(it_is_told_once),
	    LIMIT_TEST(another_clock_locks_nobody_out),
	    LIMIT_TEST(it_never_grows),
	    LIMIT_TEST(what_is_no_such_file_is_made_anew),
	    LIMIT_TEST(a_folder_in_its_place_is_an_error),
	    LIMIT_TEST(of_many_at_once_so_many_are_granted),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("dir_rate_limit", tests, NULL, NULL);
}
