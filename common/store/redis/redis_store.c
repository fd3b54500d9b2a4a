#include "store/redis/redis_store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flow/flow_record.h"
#include "store/claim_text.h"
#include "store/redis/redis_script.h"
#include "store/redis/redis_scripts.h"
#include "util/blocking.h"
#include "util/secret.h"

#define ENDED_RATIO  3 /* ended flows kept, as a multiple of max_pending */
#define LIST_SECONDS (3600 + STORE_KEEP_SECONDS) /* the same as `longest` in prelude.lua */
#define NOTE_SECONDS 3600
#define TRY_BYTES    262144 /* bytes to leave free: waiting flows can still be claimed and ended */
#define MINUTE_MS    60000
#define NEVER	     (INT64_MAX / 4) /* the time if none was ever heard: everything has expired */

/*
 * Longer than a begin usually holds its lock, in which it asks opencode a few times, and longer
 * than a delivery takes from its claim on. A begin that takes longer loses the lock, and its flow
 * is not recorded.
 */
#define LEASE_MS     (3 * FLOW_CALL_MS + 15000)
#define LOCK_WAIT_MS (2 * FLOW_CALL_MS)
#define POLL_MIN_MS  2
#define POLL_MAX_MS  50

struct store_redis {
	struct store store;
	struct store_limits limits;
	struct redis_pool *redis;
	char owner[STORE_TOKEN_LEN + 1]; /* token of our claims */
};

static struct redis_pool *
redis_of(struct store *s)
{
	return ((struct store_redis *)s)->redis;
}

/* Runs a script that replies with a word only. */
static enum err
run(struct store *s, const struct redis_script *script, const struct redis_args *args)
{
	struct redis_reply reply;
	enum err err = redis_script_run(redis_of(s), script, args, &reply);

	redis_reply_free(&reply);
	return err;
}

static int64_t
redis_now(struct store *s)
{
	int64_t time_ms = -1;

	/* by our own clock if that fails: the next step fails too */
	if (redis_pool_clock(redis_of(s), &time_ms) != ERR_OK && time_ms < 0)
		return NEVER;
	return time_ms / 1000;
}

/*
 * Pauses before the next attempt at a held lock; returns the next pause. Both in milliseconds:
 * longer each time, and not the same for all.
 */
static int
pause_for(int ms)
{
	unsigned char random;
	struct timespec t;

	secret_random(&random, sizeof(random));
	t = (struct timespec){.tv_nsec = (long)ms * 1000000 * (128 + random) / 256};
	nanosleep(&t, NULL);
	return 2 * ms < POLL_MAX_MS ? 2 * ms : POLL_MAX_MS;
}

static enum err
redis_lock(struct store *s, uint64_t group, struct store_lock *lock)
{
	struct redis_args args = {.count = 0};
	char token[STORE_TOKEN_LEN + 1];
	enum err err = ERR_TAKEN;
	int ms = POLL_MIN_MS;

	*lock = STORE_LOCK_NONE;
	secret_token(token);
	redis_script_arg_key(&args, "", group);
	redis_script_arg(&args, token);
	redis_script_arg_number(&args, LEASE_MS);
	for (int waited = 0; (err = run(s, &script_lock, &args)) == ERR_TAKEN; waited += ms) {
		if (waited >= LOCK_WAIT_MS) {
			redis_pool_complain(redis_of(s), "a sign-in of this provider is held up",
					    "did a node die? its lock ends by itself");
			return ERR_STORE;
		}
		blocking_begin();
		ms = pause_for(ms);
	}
	if (err != ERR_OK)
		return err;
	lock->group = group;
	memcpy(lock->token, token, sizeof(token));
	return ERR_OK;
}

static void
arg_lock(struct redis_args *args, const struct store_lock *lock)
{
	redis_script_arg_key(args, "", lock == NULL ? 0 : lock->group);
	redis_script_arg(args, lock == NULL ? "" : lock->token);
}

static void
redis_unlock(struct store *s, struct store_lock *lock)
{
	struct redis_args args = {.count = 0};

	arg_lock(&args, lock);
	if (lock->token[0] != '\0' && run(s, &script_unlock, &args) != ERR_OK)
		redis_pool_complain(redis_of(s), "a lock was not given back", "it ends by itself");
	*lock = STORE_LOCK_NONE;
}

static enum err
redis_check_limits(struct store *s, const struct store_keys *keys)
{
	const struct store_limits *limits = &((struct store_redis *)s)->limits;
	struct redis_args args = {.count = 0};

	redis_script_arg_key(&args, "", keys->client);
	redis_script_arg_key(&args, "", keys->group);
	redis_script_arg_number(&args, limits->max_pending);
	redis_script_arg_number(&args, limits->max_pending_per_client);
	return run(s, &script_check_limits, &args);
}

static enum err
redis_add(struct store *s, const struct flow *flow, const char *authorize_url,
	  const struct store_keys *keys, const struct store_lock *lock)
{
	const struct store_limits *limits = &((struct store_redis *)s)->limits;
	struct redis_args args = {.count = 0};
	struct buf record;
	enum err err;

	buf_init(&record, FLOW_RECORD_MAX);
	if ((err = flow_record_write(flow, &record)) == ERR_OK) {
		redis_script_arg(&args, flow->id);
		arg_lock(&args, lock);
		redis_script_arg_data(&args, record.data, record.len);
		redis_script_arg(&args, authorize_url);
		redis_script_arg_number(&args, flow->created);
		redis_script_arg_number(&args, flow->expires);
		redis_script_arg_number(&args, flow->expires + STORE_KEEP_SECONDS);
		redis_script_arg_key(&args, "", keys->client);
		redis_script_arg_key(&args, "", keys->browser);
		redis_script_arg_key(&args, "", keys->group);
		redis_script_arg_key(&args, "", keys->slot);
		redis_script_arg_number(&args, (int64_t)limits->max_pending * (1 + ENDED_RATIO));
		err = run(s, &script_add, &args);
	}
	buf_free(&record);
	return err;
}

/* Reads a flow from the reply of find.lua. */
static enum err
read_flow(const struct redis_reply *reply, const char *id, struct snapshot *out)
{
	const char *record = redis_reply_text(reply, REDIS_REPLY_VALUES);
	const char *bound = redis_reply_text(reply, REDIS_REPLY_VALUES + 1);
	const char *claim = redis_reply_text(reply, REDIS_REPLY_VALUES + 2);
	const char *end = redis_reply_text(reply, REDIS_REPLY_VALUES + 3);
	int64_t time_ms, elsewhere;

	if (record == NULL || bound == NULL || claim == NULL || end == NULL ||
	    !redis_reply_number(reply, 0, &time_ms) ||
	    !redis_reply_number(reply, REDIS_REPLY_VALUES + 4, &elsewhere) ||
	    flow_record_read(record, strlen(record), &out->flow) != ERR_OK ||
	    strcmp(out->flow.id, id) != 0)
		return ERR_UNKNOWN_FLOW;
	out->now = time_ms / 1000;
	out->bound = out->flow.bound || strlen(bound) == BROWSER_ID_LEN;
	memcpy(out->browser, out->flow.bound || !out->bound ? out->flow.browser : bound,
	       sizeof(out->browser));
	claim_text_read(out, claim, end);
	if (elsewhere != 0 && !out->ended && out->state != FLOW_SUPERSEDED) {
		out->state = FLOW_FAILED;
		out->reason = REASON_INTERRUPTED;
	}
	return ERR_OK;
}

static enum err
redis_find(struct store *s, const char *id, struct snapshot *out)
{
	struct redis_args args = {.count = 0};
	struct redis_reply reply;
	enum err err;

	if (!flow_id_valid(id))
		return ERR_UNKNOWN_FLOW;
	redis_script_arg(&args, id);
	err = redis_script_run(redis_of(s), &script_find, &args, &reply);
	if (err == ERR_OK)
		err = read_flow(&reply, id, out);
	redis_reply_free(&reply);
	return err;
}

static enum err
redis_authorize_url(struct store *s, const char *id, struct buf *out)
{
	struct redis_args args = {.count = 0};
	struct redis_reply reply;
	const char *url;
	enum err err;

	redis_script_arg(&args, id);
	err = redis_script_run(redis_of(s), &script_url, &args, &reply);
	url = redis_reply_text(&reply, REDIS_REPLY_VALUES);
	if (err == ERR_OK)
		err = url == NULL ? ERR_UNKNOWN_FLOW : buf_puts(out, url);
	redis_reply_free(&reply);
	return err;
}

static enum err
redis_bind(struct store *s, const char *id, const char *browser)
{
	struct redis_args args = {.count = 0};

	redis_script_arg(&args, id);
	redis_script_arg(&args, browser);
	return run(s, &script_bind, &args);
}

static enum err
take(struct store *s, const char *id, const char *word, const struct store_lock *lock)
{
	struct redis_args args = {.count = 0};

	redis_script_arg(&args, id);
	redis_script_arg(&args, word);
	redis_script_arg(&args, ((struct store_redis *)s)->owner);
	arg_lock(&args, lock);
	redis_script_arg_number(&args, LEASE_MS);
	return run(s, &script_claim, &args);
}

static enum err
redis_claim(struct store *s, const char *id, const struct store_lock *lock)
{
	return take(s, id, CLAIM_TEXT_CLAIMED, lock);
}

static enum err
redis_supersede(struct store *s, const char *id)
{
	return take(s, id, CLAIM_TEXT_SUPERSEDED, NULL);
}

static enum err
redis_expire(struct store *s, const char *id)
{
	return take(s, id, CLAIM_TEXT_EXPIRED, NULL);
}

static enum err
redis_release(struct store *s, const char *id)
{
	struct redis_args args = {.count = 0};

	redis_script_arg(&args, id);
	redis_script_arg(&args, ((struct store_redis *)s)->owner);
	return run(s, &script_release, &args);
}

static enum err
redis_finish(struct store *s, const char *id, enum flow_state state, enum flow_reason reason)
{
	struct redis_args args = {.count = 0};
	char end[CLAIM_TEXT_SIZE];

	claim_text_end(state, reason, end);
	redis_script_arg(&args, id);
	redis_script_arg(&args, end);
	return run(s, &script_finish, &args);
}

/* Reads the ids in the reply of list.lua. */
static enum err
list(struct store *s, const struct redis_args *args, char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct redis_reply reply;
	enum err err = redis_script_run(redis_of(s), &script_list, args, &reply);
	size_t n = 0;

	for (size_t i = REDIS_REPLY_VALUES; err == ERR_OK && i < reply.count && n < STORE_LIST_MAX;
	     i++) {
		const char *text = redis_reply_text(&reply, i);

		if (text != NULL && flow_id_valid(text))
			memcpy(id[n++], text, FLOW_ID_LEN + 1);
	}
	if (err == ERR_OK)
		*count = n;
	redis_reply_free(&reply);
	return err;
}

static enum err
redis_list_recent(struct store *s, const struct store_keys *keys, int seconds,
		  char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct redis_args args = {.count = 0};

	redis_script_arg_number(&args, seconds);
	redis_script_arg_number(&args, STORE_LIST_MAX);
	redis_script_arg_key(&args, "group:", keys->group);
	redis_script_arg_key(&args, "slot:", keys->slot);
	return list(s, &args, id, count);
}

static enum err
redis_list_browser(struct store *s, uint64_t browser, char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct redis_args args = {.count = 0};

	redis_script_arg_number(&args, LIST_SECONDS);
	redis_script_arg_number(&args, STORE_LIST_MAX);
	redis_script_arg_key(&args, "browser:", browser);
	return list(s, &args, id, count);
}

static enum err
redis_count_waiting(struct store *s, size_t *count)
{
	struct redis_args args = {.count = 0};
	struct redis_reply reply;
	int64_t number = -1;
	enum err err = redis_script_run(redis_of(s), &script_count, &args, &reply);

	if (err == ERR_OK &&
	    (!redis_reply_number(&reply, REDIS_REPLY_VALUES, &number) || number < 0))
		err = ERR_STORE;
	if (err == ERR_OK)
		*count = (size_t)number;
	redis_reply_free(&reply);
	return err;
}

static enum err
redis_consume(struct store *s, uint64_t client, int count, struct allowance *out)
{
	const struct store_limits *limits = &((struct store_redis *)s)->limits;
	int64_t each = MINUTE_MS / limits->rate, wait = 0, first = 0;
	struct redis_args args = {.count = 0};
	char salt[STORE_TOKEN_LEN + 1];
	struct redis_reply reply;
	enum err err;

	*out = (struct allowance){.wait = 0};
	secret_token(salt);
	redis_script_arg_key(&args, "", client);
	redis_script_arg_number(&args, count);
	redis_script_arg_number(&args, each);
	redis_script_arg_number(&args, each * limits->burst);
	redis_script_arg(&args, salt);
	err = redis_script_run(redis_of(s), &script_consume, &args, &reply);
	if ((err == ERR_OK || err == ERR_RATE) &&
	    (!redis_reply_number(&reply, REDIS_REPLY_VALUES, &wait) || wait < 0 ||
	     wait > INT32_MAX || !redis_reply_number(&reply, REDIS_REPLY_VALUES + 1, &first)))
		err = ERR_STORE;
	if (err == ERR_RATE)
		*out = (struct allowance){.wait = (int)wait, .first = first != 0};
	redis_reply_free(&reply);
	return err;
}

static enum err
redis_check_writable(struct store *s)
{
	struct redis_args args = {.count = 0};

	redis_script_arg_number(&args, TRY_BYTES);
	return run(s, &script_check_writable, &args);
}

static enum err
redis_note_get(struct store *s, const char *name, int seconds, char note[STORE_NOTE_MAX + 1])
{
	struct redis_args args = {.count = 0};
	struct redis_reply reply;
	const char *text;
	enum err err;

	redis_script_arg(&args, name);
	redis_script_arg_number(&args, seconds);
	err = redis_script_run(redis_of(s), &script_note_get, &args, &reply);
	text = redis_reply_text(&reply, REDIS_REPLY_VALUES);
	if (err == ERR_UNKNOWN_FLOW ||
	    (err == ERR_OK && (text == NULL || strlen(text) > STORE_NOTE_MAX)))
		err = ERR_ABSENT;
	if (err == ERR_OK)
		memcpy(note, text, strlen(text) + 1);
	redis_reply_free(&reply);
	return err;
}

static enum err
redis_note_set(struct store *s, const char *name, const char *note)
{
	struct redis_args args = {.count = 0};

	redis_script_arg(&args, name);
	redis_script_arg(&args, note);
	redis_script_arg_number(&args, NOTE_SECONDS);
	return run(s, &script_note_set, &args);
}

static void
redis_store_close(struct store *s)
{
	redis_pool_close(redis_of(s));
	free(s);
}

static const struct store_ops redis_ops = {
    .now = redis_now,
    .lock = redis_lock,
    .unlock = redis_unlock,
    .check_limits = redis_check_limits,
    .add = redis_add,
    .find = redis_find,
    .authorize_url = redis_authorize_url,
    .bind = redis_bind,
    .claim = redis_claim,
    .supersede = redis_supersede,
    .expire = redis_expire,
    .release = redis_release,
    .finish = redis_finish,
    .list_recent = redis_list_recent,
    .list_browser = redis_list_browser,
    .count_waiting = redis_count_waiting,
    .consume = redis_consume,
    .check_writable = redis_check_writable,
    .note_get = redis_note_get,
    .note_set = redis_note_set,
    .close = redis_store_close,
};

enum err
redis_store_open(const char *spec, const struct store_limits *limits,
		 const struct store_login *login, struct store **out)
{
	static const struct store_login none = {"", ""};
	struct redis_address parts;
	struct store_redis *s;
	enum err err;

	if (!redis_address_read(spec, &parts, NULL, 0))
		return ERR_CONFIG;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return ERR_MEMORY;
	s->store.ops = &redis_ops;
	s->limits = *limits;
	secret_token(s->owner);
	if ((err = redis_pool_open(&s->redis, &parts, login == NULL ? &none : login)) != ERR_OK) {
		free(s);
		return err;
	}
	*out = &s->store;
	return ERR_OK;
}

bool
redis_store_check(const char *spec, char *why, size_t why_size)
{
	struct redis_address parts;

	return redis_address_read(spec, &parts, why, why_size);
}

void
redis_store_access(const char *spec, struct store_access *out)
{
	struct redis_address parts;

	if (redis_address_read(spec, &parts, NULL, 0))
		out->port = parts.port;
}
