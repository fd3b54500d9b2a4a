#include "store/redis/redis_pool.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/redis_connection.h"
#include "util/blocking.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/secret_file.h"

#define ADDRESSES_MAX 8
#define IDLE_MAX      256  /* connections kept: one for each thread that there can be */
#define FRESH_MS      1000 /* how long a time that was heard needs no asking */
#define TOLD_MAX      5	   /* lines a second in the log */
#define REACH_HINT    "is Redis running, and is [flow] store its address?"
#define LOGIN_HINT    "[flow] store_username and store_password_file must be those of Redis"

struct redis_address {
	struct sockaddr_storage address;
	socklen_t len;
};

struct redis {
	struct redis_spec spec;
	struct store_login login;
	struct redis_address address[ADDRESSES_MAX];
	size_t address_count;
	pthread_mutex_t mutex; /* for those that are idle */
	struct redis_link idle[IDLE_MAX];
	size_t idle_count;
	atomic_llong offset_ms;	  /* its clock, less ours */
	atomic_llong heard_ms;	  /* when we heard it, by ours; 0: never */
	atomic_llong told_second; /* for the log: which second, */
	atomic_int told_count;	  /* and how many lines in it */
};

/* Every address of a host, looked up while that still can be. */
static enum err
find_addresses(struct redis *r)
{
	const struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo numeric = want, *found = NULL;
	char port[8];
	int error;

	snprintf(port, sizeof(port), "%d", r->spec.port);
	numeric.ai_flags |= AI_NUMERICHOST;
	error = getaddrinfo(r->spec.host, port, &numeric, &found);
	if (error == EAI_NONAME)
		error = getaddrinfo(r->spec.host, port, &want, &found);
	if (error != 0) {
		redis_complain(r,
			       error == EAI_AGAIN ? "nobody knows its address just now"
						  : "it has no address",
			       "is the host's name in [flow] store right?");
		return error == EAI_MEMORY ? ERR_MEMORY : ERR_STORE;
	}
	for (struct addrinfo *a = found; a != NULL && r->address_count < ADDRESSES_MAX;
	     a = a->ai_next) {
		struct redis_address *address = &r->address[r->address_count++];

		memcpy(&address->address, a->ai_addr, a->ai_addrlen);
		address->len = a->ai_addrlen;
	}
	freeaddrinfo(found);
	return ERR_OK;
}

enum err
redis_open(struct redis **out, const struct redis_spec *spec, const struct store_login *login)
{
	struct redis *r = calloc(1, sizeof(*r));
	struct sockaddr_un *local;
	enum err err;

	if (r == NULL)
		return ERR_MEMORY;
	r->spec = *spec;
	r->login = *login;
	pthread_mutex_init(&r->mutex, NULL);
	if (spec->port == 0) {
		local = (struct sockaddr_un *)&r->address[0].address;
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, spec->path, sizeof(local->sun_path));
		r->address[0].len = sizeof(*local);
		r->address_count = 1;
	} else if ((err = find_addresses(r)) != ERR_OK) {
		redis_close(r);
		return err;
	}
	*out = r;
	return ERR_OK;
}

void
redis_close(struct redis *r)
{
	redis_drop(r);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

void
redis_words(struct buf *command, size_t count)
{
	buf_printf(command, "*%zu\r\n", count);
}

void
redis_word(struct buf *command, const void *data, size_t len)
{
	buf_printf(command, "$%zu\r\n", len);
	buf_add(command, data, len);
	buf_add(command, "\r\n", 2);
}

void
redis_text(struct buf *command, const char *text)
{
	redis_word(command, text, strlen(text));
}

void
redis_complain(struct redis *r, const char *cause, const char *hint)
{
	long long second = clock_boot_ms() / 1000;
	char where[REDIS_HOST_MAX + 16];

	if (atomic_exchange(&r->told_second, second) != second)
		atomic_store(&r->told_count, 0);
	if (atomic_fetch_add(&r->told_count, 1) >= TOLD_MAX)
		return;
	snprintf(where, sizeof(where), "%s:%d", r->spec.host, r->spec.port);
	log_event(LOG_LEVEL_ERROR, "store-redis", "redis", r->spec.port == 0 ? r->spec.path : where,
		  "cause", cause, "hint", hint, NULL);
}

/* A connection that is kept, and still one. */
static bool
take_idle(struct redis *r, struct redis_link *link)
{
	bool taken = true;

	while (taken) {
		pthread_mutex_lock(&r->mutex);
		taken = r->idle_count > 0;
		if (taken)
			*link = r->idle[--r->idle_count];
		pthread_mutex_unlock(&r->mutex);
		if (taken && redis_link_quiet(link))
			return true;
		if (taken)
			redis_link_close(link);
	}
	return false;
}

static void
keep_idle(struct redis *r, struct redis_link *link)
{
	bool kept;

	pthread_mutex_lock(&r->mutex);
	kept = r->idle_count < IDLE_MAX;
	if (kept)
		r->idle[r->idle_count++] = *link;
	pthread_mutex_unlock(&r->mutex);
	if (!kept)
		redis_link_close(link);
}

void
redis_drop(struct redis *r)
{
	struct redis_link link;
	bool taken = true;

	while (taken) {
		pthread_mutex_lock(&r->mutex);
		taken = r->idle_count > 0;
		if (taken)
			link = r->idle[--r->idle_count];
		pthread_mutex_unlock(&r->mutex);
		if (taken)
			redis_link_close(&link);
	}
}

static enum err
ask(struct redis *r, struct redis_link *link, const struct buf *command, struct redis_reply *reply)
{
	enum err err = command->err;

	if (err == ERR_OK && (err = redis_link_ask(link, command, reply)) != ERR_OK)
		redis_complain(r, strerror(errno), REACH_HINT);
	return err;
}

/* One step of getting in. Of an error only the first word is told: the rest may hold what we sent.
 */
static enum err
step(struct redis *r, struct redis_link *link, struct buf *command, const char *hint)
{
	struct redis_reply reply;
	const char *error;
	char word[32];
	enum err err;

	redis_reply_init(&reply);
	err = ask(r, link, command, &reply);
	buf_free(command);
	if (err == ERR_OK && (error = redis_reply_error(&reply)) != NULL) {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(error, " "), error);
		redis_complain(r, word, hint);
		err = ERR_STORE;
	}
	redis_reply_free(&reply);
	return err;
}

static enum err
log_in(struct redis *r, struct redis_link *link)
{
	bool named = r->login.username[0] != '\0';
	char password[PASSWORD_MAX + 2];
	struct buf command;

	if (!password_read(r->login.password_file, password))
		return ERR_STORE;
	buf_init(&command, REDIS_COMMAND_MAX);
	redis_words(&command, named ? 3 : 2);
	redis_text(&command, "AUTH");
	if (named)
		redis_text(&command, r->login.username);
	redis_text(&command, password);
	secret_wipe(password, sizeof(password));
	return step(r, link, &command, LOGIN_HINT);
}

static enum err
choose_db(struct redis *r, struct redis_link *link)
{
	struct buf command;
	char number[8];

	buf_init(&command, REDIS_COMMAND_MAX);
	snprintf(number, sizeof(number), "%d", r->spec.db);
	redis_words(&command, 2);
	redis_text(&command, "SELECT");
	redis_text(&command, number);
	return step(r, link, &command, "does Redis have this database, and let us choose it?");
}

static enum err
ask_time(struct redis *r, struct redis_link *link)
{
	struct redis_reply reply;
	const char *seconds, *micros, *error;
	struct buf command;
	enum err err;

	buf_init(&command, REDIS_COMMAND_MAX);
	redis_reply_init(&reply);
	redis_words(&command, 1);
	redis_text(&command, "TIME");
	err = ask(r, link, &command, &reply);
	seconds = redis_reply_text(&reply, 0);
	micros = redis_reply_text(&reply, 1);
	if (err == ERR_OK && seconds != NULL && micros != NULL) {
		redis_heard(r,
			    strtoll(seconds, NULL, 10) * 1000 + strtoll(micros, NULL, 10) / 1000);
	} else if (err == ERR_OK) {
		error = redis_reply_error(&reply);
		redis_complain(r, error == NULL ? "no time came" : error, LOGIN_HINT);
		err = ERR_STORE;
	}
	redis_reply_free(&reply);
	buf_free(&command);
	return err;
}

static enum err
link_up(struct redis *r, struct redis_link *link)
{
	const char *fault = r->spec.port == 0 ? unix_path_fault(r->spec.path) : NULL;
	enum err err = ERR_STORE;

	*link = (struct redis_link){.fd = -1};
	if (fault != NULL) {
		redis_complain(r, fault, REACH_HINT);
		return ERR_STORE;
	}
	for (size_t i = 0; err != ERR_OK && i < r->address_count; i++)
		err = redis_link_open(link, (const struct sockaddr *)&r->address[i].address,
				      r->address[i].len);
	if (err != ERR_OK)
		redis_complain(r, strerror(errno), REACH_HINT);
	if (err == ERR_OK && r->login.password_file[0] != '\0')
		err = log_in(r, link);
	if (err == ERR_OK && r->spec.db != 0)
		err = choose_db(r, link);
	if (err == ERR_OK)
		err = ask_time(r, link);
	if (err != ERR_OK)
		redis_link_close(link);
	return err;
}

enum err
redis_call(struct redis *r, const struct buf *command, struct redis_reply *reply)
{
	struct redis_link link;
	enum err err = command->err;

	wait_begin();
	if (err == ERR_OK && !take_idle(r, &link))
		err = link_up(r, &link);
	if (err != ERR_OK)
		return err;
	if ((err = ask(r, &link, command, reply)) == ERR_OK) {
		keep_idle(r, &link);
		return ERR_OK;
	}
	redis_link_close(&link);
	/* the others lead to the same */
	redis_drop(r);
	return err;
}

void
redis_heard(struct redis *r, int64_t time_ms)
{
	int64_t now = clock_boot_ms();

	atomic_store(&r->offset_ms, time_ms - now);
	atomic_store(&r->heard_ms, now);
}

enum err
redis_clock(struct redis *r, int64_t *time_ms)
{
	int64_t heard = atomic_load(&r->heard_ms);
	struct redis_link link;
	enum err err = ERR_OK;

	if (heard == 0 || clock_boot_ms() - heard > FRESH_MS) {
		wait_begin();
		err = take_idle(r, &link) ? ask_time(r, &link) : link_up(r, &link);
		if (err == ERR_OK)
			keep_idle(r, &link);
		else
			redis_link_close(&link);
	}
	*time_ms =
	    atomic_load(&r->heard_ms) == 0 ? -1 : clock_boot_ms() + atomic_load(&r->offset_ms);
	return err;
}
