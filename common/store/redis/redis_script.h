/*
 * One script in Redis: one atomic step. Redis knows a script by its SHA-1, and gets its text where
 * it does not know it yet. Every answer begins with the time there and a word (prelude.lua).
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include "store/redis/redis_pool.h"

#define REDIS_PREFIX	   "opencode-callback:{flows}:" /* all our keys; one slot of a cluster */
#define REDIS_REPLY_VALUES 2				/* the first item behind time and word */
#define REDIS_NUMBER_SIZE  32 /* of a number or a key as text, with its NUL */
#define REDIS_ARGS_MAX	   16

struct redis_script {
	const char *name;
	const char *sha1;
	const char *text;
};

/* A script's arguments, in order, each with its length. */
struct redis_args {
	size_t count;
	const char *arg[REDIS_ARGS_MAX];
	size_t len[REDIS_ARGS_MAX];
	char number[REDIS_ARGS_MAX][REDIS_NUMBER_SIZE];
};

void redis_script_arg(struct redis_args *args, const char *text);
void redis_script_arg_data(struct redis_args *args, const char *data, size_t len);
void redis_script_arg_number(struct redis_args *args, int64_t number);
void redis_script_arg_key(struct redis_args *args, const char *name, uint64_t key);

/*
 * Runs it. The caller frees reply, whatever comes. The error is that of the word: ERR_TAKEN,
 * ERR_UNKNOWN_FLOW, ERR_TOO_MANY_FLOWS, ERR_RATE; ERR_STORE for all that is not as it should be,
 * which the log then tells. A script does nothing once its time is over: what we gave up does not
 * happen later.
 */
enum err redis_script_run(struct redis_pool *r, const struct redis_script *script,
			  const struct redis_args *args, struct redis_reply *reply) MUST_CHECK;

#endif
