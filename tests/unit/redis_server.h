/*
 * A real redis-server for unit tests, on a Unix socket in a folder of its own, with the users of
 * conf/redis/users.acl, and one more that may do all.
 */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "store/redis/redis_command.h"
#include "store/redis/redis_pool.h"

#define REDIS_ADMIN    "admin"
#define REDIS_PATIENCE 400 /* looks whether it is there, 25 ms between them */

static char redis_folder[64];
static char redis_text_spec[128];
static char redis_password[96];
static pid_t redis_pid;
static struct redis_pool *redis_admin;

static inline const char *
redis_spec_text(void)
{
	return redis_text_spec;
}

static inline const struct store_login *
redis_login(void)
{
	static struct store_login login = {"opencode-callback", redis_password};

	return &login;
}

static inline bool
redis_there(void)
{
	return access("/usr/bin/redis-server", X_OK) == 0 ||
	       access("/usr/local/bin/redis-server", X_OK) == 0;
}

/* Removes a folder and the files in it. */
static inline int
remove_folder(const char *folder)
{
	char path[512];
	struct dirent *entry;
	DIR *dir = opendir(folder);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove(path);
	}
	if (dir != NULL)
		closedir(dir);
	return rmdir(folder);
}

/* A command of up to four words, by the user who may do all. The reply's first number, or 0. */
static inline int64_t
redis_do(const char *a, const char *b, const char *c, const char *d)
{
	const char *const word[] = {a, b, c, d};
	struct redis_reply reply;
	struct buf command;
	int64_t number = 0;
	size_t count = 0;

	while (count < 4 && word[count] != NULL)
		count++;
	buf_init(&command, 4096);
	redis_reply_init(&reply);
	redis_command_begin(&command, count);
	for (size_t i = 0; i < count; i++)
		redis_command_text(&command, word[i]);
	/* CLIENT KILL ends this connection too */
	if (redis_pool_call(redis_admin, &command, &reply) == ERR_OK) {
		assert_null(redis_reply_error(&reply));
		(void)redis_reply_number(&reply, 0, &number);
	}
	redis_reply_free(&reply);
	buf_free(&command);
	return number;
}

static inline void
redis_empty(void)
{
	redis_do("FLUSHALL", NULL, NULL, NULL);
}

static inline int64_t
redis_count_keys(void)
{
	return redis_do("DBSIZE", NULL, NULL, NULL);
}

/* How many keys have no end. */
static inline int64_t
redis_count_lasting(void)
{
	return redis_do("EVAL",
			"local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do "
			"if redis.call('TTL', k) < 0 then n = n + 1 end end return n",
			"0", NULL);
}

/* The shipped users, and the password in a file. */
static inline bool
redis_write_users(const char *path)
{
	FILE *users = fopen("conf/redis/users.acl", "r"), *out = fopen(path, "w");
	FILE *password = fopen(redis_password, "w");
	char line[1024];

	if (users == NULL || out == NULL || password == NULL)
		return false;
	while (fgets(line, sizeof(line), users) != NULL)
		fputs(line, out);
	fprintf(out, "user %s on nopass ~* +@all\n", REDIS_ADMIN);
	fputs("CHANGE-THIS\n", password);
	return fclose(users) == 0 && fclose(out) == 0 && fclose(password) == 0;
}

static inline int
redis_start(void **state)
{
	static struct store_login admin = {REDIS_ADMIN, redis_password};
	char users[96], path[96];
	struct redis_address spec;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	snprintf(redis_folder, sizeof(redis_folder), "/tmp/opencode-callback-redis-XXXXXX");
	if (mkdtemp(redis_folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/redis.sock", redis_folder);
	snprintf(users, sizeof(users), "%s/users.acl", redis_folder);
	snprintf(redis_text_spec, sizeof(redis_text_spec), "redis:%s", path);
	snprintf(redis_password, sizeof(redis_password), "%s/password", redis_folder);
	if (!redis_write_users(users))
		return -1;
	if ((redis_pid = fork()) == 0) {
		execlp("redis-server", "redis-server", "conf/redis/redis.conf", "--unixsocket",
		       path, "--aclfile", users, "--dir", redis_folder, "--loglevel", "warning",
		       NULL);
		_exit(127);
	}
	for (int i = 0; i < REDIS_PATIENCE && access(path, F_OK) != 0; i++)
		usleep(25000);
	return redis_address_read(path, &spec, NULL, 0) &&
		       redis_pool_open(&redis_admin, &spec, &admin) == ERR_OK
		   ? 0
		   : -1;
}

static inline int
redis_stop(void **state)
{
	(void)state;
	redis_pool_close(redis_admin);
	kill(redis_pid, SIGTERM);
	waitpid(redis_pid, NULL, 0);
	return remove_folder(redis_folder);
}

#endif
