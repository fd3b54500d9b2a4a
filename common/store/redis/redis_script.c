#include "store/redis/redis_script.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/redis/redis_command.h"
#include "store/redis/redis_connection.h"

#define ERROR_SHOWN 160 /* bytes shown of an error from Redis */

void
redis_script_arg_data(struct redis_args *args, const char *data, size_t len)
{
	assert(args->count < REDIS_ARGS_MAX);
	args->arg[args->count] = data;
	args->len[args->count++] = len;
}

void
redis_script_arg(struct redis_args *args, const char *text)
{
	redis_script_arg_data(args, text, strlen(text));
}

void
redis_script_arg_number(struct redis_args *args, int64_t number)
{
	char *text = args->number[args->count];

	snprintf(text, REDIS_NUMBER_SIZE, "%" PRId64, number);
	redis_script_arg(args, text);
}

void
redis_script_arg_key(struct redis_args *args, const char *name, uint64_t key)
{
	char *text = args->number[args->count];

	snprintf(text, REDIS_NUMBER_SIZE, "%s%016" PRIx64, name, key);
	redis_script_arg(args, text);
}

/* The meaning of each word. A visitor can do nothing about those with a cause. */
static const struct word {
	const char *word;
	enum err err;
	const char *cause;
	const char *hint;
} words[] = {
    {"OK", ERR_OK, NULL, NULL},
    {"TAKEN", ERR_TAKEN, NULL, NULL},
    {"UNKNOWN", ERR_UNKNOWN_FLOW, NULL, NULL},
    {"MANY", ERR_TOO_MANY_FLOWS, NULL, NULL},
    {"RATE", ERR_RATE, NULL, NULL},
    {"LATE", ERR_STORE, "it carried the command out too late", "is it overloaded?"},
    {"LOST", ERR_STORE, "the lock or the claim was lost meanwhile", NULL},
    {"REPLICA", ERR_STORE, "it is a replica",
     "[flow] store must lead to the master; it is tried again"},
    {"FULL", ERR_STORE, "its memory is full", "raise maxmemory, or lower [flow] max_pending"},
    {"EVICTS", ERR_STORE, "it throws keys away when its memory is full",
     "set maxmemory-policy noeviction in redis.conf"},
};

/* The meaning of an error from Redis itself, found by a word in it. */
static const struct {
	const char *word;
	const char *hint;
	bool elsewhere; /* another connection may lead to a better server */
} errors[] = {
    {"READONLY", "[flow] store must lead to the master; it is tried again", true},
    {"LOADING", "it has just started", false},
    {"MASTERDOWN", "[flow] store must lead to the master; it is tried again", true},
    {"OOM", "its memory is full: raise maxmemory, or lower [flow] max_pending", false},
    {"MISCONF", "it cannot save to its disk; sign-ins need not be saved", false},
    {"NOPERM", "its user needs the rights of conf/redis/users.acl", false},
    {"ACL failure in script", "its user needs the rights of conf/redis/users.acl", false},
    {"The user executing the script", "its user needs the rights of conf/redis/users.acl", false},
    {"NOAUTH", "it wants a password: [flow] store_username, store_password_file", true},
    {"BUSY", "it runs somebody else's script", false},
    {"MOVED", "a Redis Cluster does not do: name one master and its replicas", true},
};

static enum err
explain_error(struct redis_pool *r, const char *error)
{
	const char *hint = "is it Redis 6 or later?";
	char shown[ERROR_SHOWN];

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strstr(error, errors[i].word) != NULL) {
			hint = errors[i].hint;
			if (errors[i].elsewhere)
				redis_pool_drop(r);
			break;
		}
	snprintf(shown, sizeof(shown), "%s", error);
	redis_pool_complain(r, shown, hint);
	return ERR_STORE;
}

static const struct word *
find_word(const char *word)
{
	static const struct word none = {"", ERR_STORE, "it answered something else", NULL};

	for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return &words[i];
	return &none;
}

static enum err
send_script(struct redis_pool *r, const char *how, const char *what, const struct redis_args *args,
	    struct redis_reply *reply)
{
	char deadline[REDIS_NUMBER_SIZE];
	struct buf command;
	int64_t now_ms;
	enum err err = redis_pool_clock(r, &now_ms);

	if (err != ERR_OK)
		return err;
	snprintf(deadline, sizeof(deadline), "%" PRId64, now_ms + REDIS_COMMAND_MS);
	buf_init(&command, REDIS_COMMAND_MAX);
	redis_command_begin(&command, 5 + args->count);
	redis_command_text(&command, how);
	redis_command_text(&command, what);
	redis_command_text(&command, "1");
	redis_command_text(&command, REDIS_PREFIX);
	redis_command_text(&command, deadline);
	for (size_t i = 0; i < args->count; i++)
		redis_command_add(&command, args->arg[i], args->len[i]);
	err = redis_pool_call(r, &command, reply);
	buf_free(&command);
	return err;
}

/*
 * Runs a script once and records the time in its reply: if our clock had made the deadline too
 * early, the second try uses that time.
 */
static enum err
run_once(struct redis_pool *r, const struct redis_script *script, const struct redis_args *args,
	 struct redis_reply *reply)
{
	enum err err = send_script(r, "EVALSHA", script->sha1, args, reply);
	const char *error = err == ERR_OK ? redis_reply_error(reply) : NULL;
	int64_t time_ms;

	if (error != NULL && strncmp(error, "NOSCRIPT", 8) == 0) {
		err = send_script(r, "EVAL", script->text, args, reply);
		error = err == ERR_OK ? redis_reply_error(reply) : NULL;
	}
	if (error != NULL)
		return explain_error(r, error);
	if (err == ERR_OK && redis_reply_number(reply, 0, &time_ms))
		redis_pool_heard(r, time_ms);
	return err;
}

enum err
redis_script_run(struct redis_pool *r, const struct redis_script *script,
		 const struct redis_args *args, struct redis_reply *reply)
{
	const struct word *word;
	enum err err;

	redis_reply_init(reply);
	if ((err = run_once(r, script, args, reply)) != ERR_OK)
		return err;
	word = find_word(redis_reply_text(reply, 1));
	if (strcmp(word->word, "LATE") == 0) {
		if ((err = run_once(r, script, args, reply)) != ERR_OK)
			return err;
		word = find_word(redis_reply_text(reply, 1));
	}
	if (strcmp(word->word, "REPLICA") == 0)
		redis_pool_drop(r);
	if (word->cause != NULL)
		redis_pool_complain(r, word->cause, word->hint);
	return word->err;
}
