/*
 * One script in Redis, which is one atomic step. Redis knows a script by its SHA-1, and is sent
 * the text if it does not know it yet. Every reply begins with Redis' time and a word (see
 * prelude.lua).
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include "store/redis/redis_pool.h"

#define REDIS_PREFIX	   "opencode-callback:{flows}:" /* of all our keys: one cluster slot */
#define REDIS_REPLY_VALUES 2  /* index of the first item after time and word */
#define REDIS_NUMBER_SIZE  32 /* bytes of a number or a key as text, with its NUL */
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

/* Append an argument. text and data must outlive args; a key is name and 16 hexadecimal digits. */
void redis_script_arg(struct redis_args *args, const char *text);
void redis_script_arg_data(struct redis_args *args, const char *data, size_t len);
void redis_script_arg_number(struct redis_args *args, int64_t number);
void redis_script_arg_key(struct redis_args *args, const char *name, uint64_t key);

/*
 * Runs a script. The caller frees the reply in any case. The error is that of the reply's word:
 * ERR_TAKEN, ERR_UNKNOWN_FLOW, ERR_TOO_MANY_FLOWS, ERR_RATE; ERR_STORE for anything unexpected,
 * which is logged. A script does nothing after its deadline, so a step that we gave up does not
 * happen later.
 */
enum err redis_script_run(struct redis_pool *r, const struct redis_script *script,
			  const struct redis_args *args, struct redis_reply *reply) MUST_CHECK;

#endif
