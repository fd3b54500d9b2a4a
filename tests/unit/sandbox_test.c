/*
 * The sandbox from inside: children enter each stage as the programs do, with a
 * configuration as theirs, and try what they must not, or must, be able to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>

#include "process/sandbox.h"
#include "util/json.h"

#ifdef NO_SANDBOX

static void
it_is_left_out(void **state)
{
	static struct config config;

	(void)state;
	sandbox_enter(SANDBOX_WORKER, &config, -1);
	assert_int_equal(prctl(PR_GET_SECCOMP), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_left_out)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "sandbox_attempt.h"
#include "store/store_kind.h"

static void
seal(void)
{
	sandbox_enter(SANDBOX_CGI_LATE, &config, -1);
}

/* As the programs do it. */
static void
enter(enum sandbox_stage stage)
{
	sandbox_prepare();
	if (stage == SANDBOX_WORKER && curl_lib() == NULL)
		_exit(ELIBACC);
	if (stage == SANDBOX_CGI_LATE)
		curl_lib_when_loaded(seal);
	sandbox_enter(stage == SANDBOX_CGI_LATE ? SANDBOX_CGI_EARLY : stage, &config, -1);
	if (stage == SANDBOX_CGI_LATE && curl_lib() == NULL)
		_exit(ELIBACC);
}

/* How a child that enters the stage and makes the attempt ends. */
static int
outcome(enum sandbox_stage stage, int (*make)(void))
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		alarm(20);
		enter(stage);
		_exit(make());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int
expected_here(int expected)
{
	if (expected < LANDLOCK_SAYS(0, 0))
		return expected;
	expected -= LANDLOCK_SAYS(0, 0);
	return landlock >= expected / 1000 ? expected % 1000 : -1;
}

static void
attempts_end_as_they_must(void **state)
{
	const enum sandbox_stage stage = *(const enum sandbox_stage *)*state;
	int wrong = 0;

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		const struct attempt *a = &attempts[i];
		int want = expected_here(a->expected[stage]), got = outcome(stage, a->make);

		if (got == want || want == -1)
			continue;
		print_error("%s: %d, must be %d\n", a->name, got, want);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* What the attempts show is the sandbox's doing. */
static int
attempt_and_say(int (*make)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(make());
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
without_it_they_succeed(void **state)
{
	int (*const some[])(void) = {open_passwd,  open_beside, connect_abstract, open_above,
				     open_to_list, new_process, socket_dgram,	  socket_inet6,
				     bind_unix,	   map_code,	protect,	  trace_me,
				     change_mode};

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		assert_int_equal(attempt_and_say(some[i]), OK);
	assert_int_equal(chmod(store_path, 0700), 0);
	assert_int_equal(outcome(SANDBOX_WORKER, run), KILLED);
}

static void
syslog_has_its_datagrams(void **state)
{
	(void)state;
	config.log_to = LOG_TO_SYSLOG;
	for (int stage = 0; stage < SANDBOX_STAGES; stage++)
		assert_int_equal(outcome((enum sandbox_stage)stage, socket_dgram), OK);
	assert_int_equal(outcome(SANDBOX_WORKER, socket_netlink), KILLED);
	config.log_to = LOG_TO_STDERR;
}

/* The TCP port of the store. */
static int
store_port(void)
{
	struct store_access access;

	store_kind_access(config.store, &access);
	return access.port;
}

static int
connect_to_store(void)
{
	return connect_port(store_port());
}

static int
connect_elsewhere(void)
{
	return connect_port(store_port() + 1);
}

/* A store behind a TCP port: sockets to that port and to no other, and no other kind of them. */
static void
a_store_in_redis_has_its_port(void **state)
{
	char folder_spec[sizeof(config.store)];

	(void)state;
	memcpy(folder_spec, config.store, sizeof(folder_spec));
	snprintf(config.store, sizeof(config.store), "redis://127.0.0.1:1");
	for (int stage = 0; stage < SANDBOX_STAGES; stage++) {
		enum sandbox_stage here = (enum sandbox_stage)stage;

		/* nobody listens there, and the sandbox does not mind */
		assert_int_equal(outcome(here, connect_to_store), ECONNREFUSED);
		assert_int_equal(outcome(here, connect_elsewhere),
				 landlock >= 4 ? EACCES : ECONNREFUSED);
		assert_int_equal(outcome(here, socket_inet6), KILLED);
		assert_int_equal(outcome(here, socket_netlink), KILLED);
		assert_int_equal(outcome(here, connect_unix), OK);
		/* the folder of another store is nothing to it */
		assert_int_equal(outcome(here, use_store), landlock ? EPROTO : OK);
	}
	config.log_to = LOG_TO_SYSLOG;
	assert_int_equal(outcome(SANDBOX_WORKER, connect_to_store), ECONNREFUSED);
	assert_int_equal(outcome(SANDBOX_WORKER, socket_dgram), OK);
	config.log_to = LOG_TO_STDERR;
	/* a Unix socket takes nothing more than opencode's does */
	snprintf(config.store, sizeof(config.store), "redis:/run/redis.sock");
	assert_int_equal(outcome(SANDBOX_WORKER, socket_inet), KILLED);
	memcpy(config.store, folder_spec, sizeof(folder_spec));
}

static int
look_at_process(void)
{
	struct rlimit core;

	return prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
		       getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 && umask(0) == 077
		   ? OK
		   : EPROTO;
}

static void
no_core_no_debugger_no_rights(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		sandbox_prepare();
		_exit(look_at_process());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_not_equal(attempt_and_say(look_at_process), OK);
}

/* A worker that waits while something is done outside, and then makes the attempt. */
static int
outcome_after(void (*outside)(void), int (*make)(void))
{
	int ready[2], go[2], status;
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	if ((pid = fork()) == 0) {
		alarm(20);
		enter(SANDBOX_WORKER);
		if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(EPROTO);
		_exit(make());
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	outside();
	assert_int_equal(write(go[1], "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
write_password(void)
{
	char new[80];
	FILE *file;

	snprintf(new, sizeof(new), "%s.new", password);
	assert_non_null(file = fopen(new, "w"));
	assert_int_equal(fputs("secret", file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(new, password), 0);
}

static void
a_password_can_be_replaced(void **state)
{
	(void)state;
	assert_int_equal(outcome_after(write_password, read_password), OK);
}

static char away[80];

static void
make_store_anew(void)
{
	assert_int_equal(rename(store_path, away), 0);
	assert_int_equal(mkdir(store_path, 0700), 0);
}

static void
put_store_back(void)
{
	assert_int_equal(rename(away, store_path), 0);
}

static int
enter_folder(void)
{
	struct private_dir folder;
	int fd;

	private_dir_init(&folder, store_path);
	return private_dir_enter(&folder, &fd) == ERR_OK &&
		       private_dir_lock(fd, "lock", 0, &fd) == ERR_OK
		   ? OK
		   : EACCES;
}

static void
nothing(void)
{
}

static void
a_store_that_is_made_anew_takes_a_restart(void **state)
{
	(void)state;
	assert_int_equal(outcome_after(make_store_anew, enter_folder), landlock ? EACCES : OK);
	assert_int_equal(outcome_after(nothing, enter_folder), OK);
	assert_int_equal(remove(store_path) == 0 || errno == ENOTEMPTY, 1);
}

static void
make_store(void)
{
	assert_int_equal(mkdir(store_path, 0700), 0);
}

static void
a_store_that_is_made_later_can_be_used(void **state)
{
	char lock[80];

	(void)state;
	snprintf(lock, sizeof(lock), "%s/lock", store_path);
	unlink(lock);
	assert_int_equal(rmdir(store_path), 0);
	assert_int_equal(outcome_after(make_store, enter_folder), OK);
	unlink(lock);
	assert_int_equal(rmdir(store_path), 0);
	put_store_back();
}

/* As if the kernel did not know these calls. */
static void
forget_calls(uint32_t a, uint32_t b, uint32_t c)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		_exit(EPROTO);
}

/* What a worker on such a kernel says at its start, and how an attempt ends. */
static int
outcome_without(uint32_t a, uint32_t b, uint32_t c, int (*make)(void), char said[512])
{
	int out[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	if ((pid = fork()) == 0) {
		alarm(20);
		dup2(out[1], STDERR_FILENO);
		log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
		sandbox_prepare();
		forget_calls(a, b, c);
		enter(SANDBOX_WORKER);
		_exit(make());
	}
	close(out[1]);
	n = read(out[0], said, 511);
	said[n > 0 ? n : 0] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
a_kernel_that_cannot_is_told_and_no_error(void **state)
{
	const uint32_t rules = SYS_landlock_create_ruleset;
	char said[512];

	(void)state;
	assert_int_equal(outcome_without(rules, SYS_seccomp, SYS_prctl, use_store, said), OK);
	assert_non_null(strstr(said, "level=warning event=sandbox seccomp=no seccomp-cause="
				     "\"Function not implemented\" landlock=no landlock-cause="
				     "\"Function not implemented\"\n"));
	assert_int_equal(outcome_without(rules, rules, rules, use_store, said), OK);
	assert_non_null(strstr(said, "level=info event=sandbox seccomp=yes landlock=no landlock-"
				     "cause=\"Function not implemented\"\n"));
	assert_int_equal(outcome_without(rules, rules, rules, open_passwd, said), KILLED);
	assert_int_equal(outcome_without(rules, rules, rules, open_beside, said), OK);
	/* before 4.17 there is another way in */
	assert_int_equal(outcome_without(SYS_seccomp, SYS_seccomp, SYS_seccomp, open_passwd, said),
			 KILLED);
	assert_non_null(strstr(said, "event=sandbox seccomp=yes landlock="));
}

static int
set_up(void **state)
{
	const struct store_limits limits = {8, 8, 60, 30};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct sockaddr_un abstract = {.sun_family = AF_UNIX};
	static int listener, abstract_listener;

	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	if (mkdtemp(root) == NULL || secret_init() != ERR_OK)
		return -1;
	json_init();
	snprintf(store_path, sizeof(store_path), "%s/store", root);
	snprintf(away, sizeof(away), "%s/away", root);
	snprintf(password, sizeof(password), "%s/secret/password", root);
	snprintf(socket_path, sizeof(socket_path), "%s/opencode.sock", root);
	snprintf(other, sizeof(other), "%s/other", root);
	snprintf(config.store, sizeof(config.store), "dir:%s", store_path);
	snprintf(config.opencode[0].password_file, sizeof(password), "%s", password);
	config.opencode_count = 1;
	memcpy(strrchr(password, '/'), "", 1);
	if (mkdir(store_path, 0700) != 0 || mkdir(password, 0700) != 0)
		return -1;
	password[strlen(password)] = '/';
	write_password();
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	abstract_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	library_fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	store_fd = open(store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(openat(store_fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	landlock = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	if (landlock < 0)
		landlock = 0;
	return bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		       listen(listener, 100) == 0 &&
		       bind(abstract_listener, (const struct sockaddr *)&abstract,
			    abstract_address(&abstract)) == 0 &&
		       listen(abstract_listener, 100) == 0 &&
		       store_kind_open(config.store, &limits, NULL, &store) == ERR_OK
		   ? 0
		   : -1;
}

static int
tear_down(void **state)
{
	char command[64];
	pid_t pid = fork();

	(void)state;
	snprintf(command, sizeof(command), "%s", root);
	if (pid == 0)
		execlp("rm", "rm", "-rf", command, NULL);
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

int
main(void)
{
	static enum sandbox_stage stages[] = {SANDBOX_CGI_EARLY, SANDBOX_CGI_LATE, SANDBOX_WORKER};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_it_they_succeed),
	    {"CGI, before the first call to opencode", attempts_end_as_they_must, NULL, NULL,
	     &stages[0]},
	    {"CGI, from then on", attempts_end_as_they_must, NULL, NULL, &stages[1]},
	    {"worker", attempts_end_as_they_must, NULL, NULL, &stages[2]},
	    cmocka_unit_test(a_kernel_that_cannot_is_told_and_no_error),
	    cmocka_unit_test(syslog_has_its_datagrams),
	    cmocka_unit_test(a_store_in_redis_has_its_port),
	    cmocka_unit_test(no_core_no_debugger_no_rights),
	    cmocka_unit_test(a_password_can_be_replaced),
	    cmocka_unit_test(a_store_that_is_made_anew_takes_a_restart),
	    cmocka_unit_test(a_store_that_is_made_later_can_be_used),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

#endif
