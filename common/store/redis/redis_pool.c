#include "store/redis/redis_pool.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/redis_command.h"
#include "store/redis/redis_connection.h"
#include "util/blocking.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/secret_file.h"

#define ADDRESSES_MAX 8
#define IDLE_MAX      256  /* idle connections kept: one for each possible thread */
#define FRESH_MS      1000 /* a time heard within this many ms needs no asking */
#define TOLD_MAX      5	   /* lines per second in the log */
#define REACH_HINT    "is Redis running, and is [flow] store its address?"
#define LOGIN_HINT    "[flow] store_username and store_password_file must be those of Redis"

struct redis_socket {
	struct sockaddr_storage address;
	socklen_t len;
};

struct redis_pool {
	struct redis_address where;
	struct store_login login;
	struct redis_socket address[ADDRESSES_MAX];
	size_t address_count;
	pthread_mutex_t mutex; /* for the idle connections */
	struct redis_connection idle[IDLE_MAX];
	size_t idle_count;
	atomic_llong offset_ms;	  /* Redis' clock minus ours */
	atomic_llong heard_ms;	  /* when it was heard, by our clock; 0: never */
	atomic_llong told_second; /* second of the last lines in the log */
	atomic_int told_count;	  /* number of lines in that second */
};

/* Finds every address of the host, while it still can be resolved. */
static enum err
find_addresses(struct redis_pool *r)
{
	const struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo numeric = want, *found = NULL;
	char port[8];
	int error;

	snprintf(port, sizeof(port), "%d", r->where.port);
	numeric.ai_flags |= AI_NUMERICHOST;
	error = getaddrinfo(r->where.host, port, &numeric, &found);
	if (error == EAI_NONAME)
		error = getaddrinfo(r->where.host, port, &want, &found);
	if (error != 0) {
		redis_pool_complain(r,
				    error == EAI_AGAIN ? "nobody knows its address just now"
						       : "it has no address",
				    "is the host's name in [flow] store right?");
		return error == EAI_MEMORY ? ERR_MEMORY : ERR_STORE;
	}
	for (struct addrinfo *a = found; a != NULL && r->address_count < ADDRESSES_MAX;
	     a = a->ai_next) {
		struct redis_socket *address = &r->address[r->address_count++];

		memcpy(&address->address, a->ai_addr, a->ai_addrlen);
		address->len = a->ai_addrlen;
	}
	freeaddrinfo(found);
	return ERR_OK;
}

enum err
redis_pool_open(struct redis_pool **out, const struct redis_address *where,
		const struct store_login *login)
{
	struct redis_pool *r = calloc(1, sizeof(*r));
	struct sockaddr_un *local;
	enum err err;

	if (r == NULL)
		return ERR_MEMORY;
	r->where = *where;
	r->login = *login;
	pthread_mutex_init(&r->mutex, NULL);
	if (where->port == 0) {
		local = (struct sockaddr_un *)&r->address[0].address;
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, where->path, sizeof(local->sun_path));
		r->address[0].len = sizeof(*local);
		r->address_count = 1;
	} else if ((err = find_addresses(r)) != ERR_OK) {
		redis_pool_close(r);
		return err;
	}
	*out = r;
	return ERR_OK;
}

void
redis_pool_close(struct redis_pool *r)
{
	redis_pool_drop(r);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

void
redis_pool_complain(struct redis_pool *r, const char *cause, const char *hint)
{
	long long second = clock_boot_ms() / 1000;
	char where[REDIS_HOST_MAX + 16];

	if (atomic_exchange(&r->told_second, second) != second)
		atomic_store(&r->told_count, 0);
	if (atomic_fetch_add(&r->told_count, 1) >= TOLD_MAX)
		return;
	snprintf(where, sizeof(where), "%s:%d", r->where.host, r->where.port);
	log_event(LOG_LEVEL_ERROR, "store-redis", "redis",
		  r->where.port == 0 ? r->where.path : where, "cause", cause, "hint", hint, NULL);
}

/* Takes an idle connection that still works. False: there is none. */
static bool
take_idle(struct redis_pool *r, struct redis_connection *connection)
{
	bool taken = true;

	while (taken) {
		pthread_mutex_lock(&r->mutex);
		taken = r->idle_count > 0;
		if (taken)
			*connection = r->idle[--r->idle_count];
		pthread_mutex_unlock(&r->mutex);
		if (taken && redis_connection_quiet(connection))
			return true;
		if (taken)
			redis_connection_close(connection);
	}
	return false;
}

static void
keep_idle(struct redis_pool *r, struct redis_connection *connection)
{
	bool kept;

	pthread_mutex_lock(&r->mutex);
	kept = r->idle_count < IDLE_MAX;
	if (kept)
		r->idle[r->idle_count++] = *connection;
	pthread_mutex_unlock(&r->mutex);
	if (!kept)
		redis_connection_close(connection);
}

void
redis_pool_drop(struct redis_pool *r)
{
	struct redis_connection connection;
	bool taken = true;

	while (taken) {
		pthread_mutex_lock(&r->mutex);
		taken = r->idle_count > 0;
		if (taken)
			connection = r->idle[--r->idle_count];
		pthread_mutex_unlock(&r->mutex);
		if (taken)
			redis_connection_close(&connection);
	}
}

static enum err
ask(struct redis_pool *r, struct redis_connection *connection, const struct buf *command,
    struct redis_reply *reply)
{
	enum err err = command->err;

	if (err == ERR_OK && (err = redis_connection_ask(connection, command, reply)) != ERR_OK)
		redis_pool_complain(r, strerror(errno), REACH_HINT);
	return err;
}

/*
 * Runs one step of logging in. Logs only the first word of an error: the rest may repeat what we
 * sent.
 */
static enum err
step(struct redis_pool *r, struct redis_connection *connection, struct buf *command,
     const char *hint)
{
	struct redis_reply reply;
	const char *error;
	char word[32];
	enum err err;

	redis_reply_init(&reply);
	err = ask(r, connection, command, &reply);
	buf_free(command);
	if (err == ERR_OK && (error = redis_reply_error(&reply)) != NULL) {
		snprintf(word, sizeof(word), "%.*s", (int)strcspn(error, " "), error);
		redis_pool_complain(r, word, hint);
		err = ERR_STORE;
	}
	redis_reply_free(&reply);
	return err;
}

static enum err
log_in(struct redis_pool *r, struct redis_connection *connection)
{
	bool named = r->login.username[0] != '\0';
	char password[PASSWORD_MAX + 2];
	struct buf command;

	if (!secret_file_password(r->login.password_file, password))
		return ERR_STORE;
	buf_init(&command, REDIS_COMMAND_MAX);
	redis_command_begin(&command, named ? 3 : 2);
	redis_command_text(&command, "AUTH");
	if (named)
		redis_command_text(&command, r->login.username);
	redis_command_text(&command, password);
	secret_wipe(password, sizeof(password));
	return step(r, connection, &command, LOGIN_HINT);
}

static enum err
choose_db(struct redis_pool *r, struct redis_connection *connection)
{
	struct buf command;
	char number[8];

	buf_init(&command, REDIS_COMMAND_MAX);
	snprintf(number, sizeof(number), "%d", r->where.db);
	redis_command_begin(&command, 2);
	redis_command_text(&command, "SELECT");
	redis_command_text(&command, number);
	return step(r, connection, &command,
		    "does Redis have this database, and let us choose it?");
}

static enum err
ask_time(struct redis_pool *r, struct redis_connection *connection)
{
	struct redis_reply reply;
	const char *seconds, *micros, *error;
	struct buf command;
	enum err err;

	buf_init(&command, REDIS_COMMAND_MAX);
	redis_reply_init(&reply);
	redis_command_begin(&command, 1);
	redis_command_text(&command, "TIME");
	err = ask(r, connection, &command, &reply);
	seconds = redis_reply_text(&reply, 0);
	micros = redis_reply_text(&reply, 1);
	if (err == ERR_OK && seconds != NULL && micros != NULL) {
		redis_pool_heard(r, strtoll(seconds, NULL, 10) * 1000 +
					strtoll(micros, NULL, 10) / 1000);
	} else if (err == ERR_OK) {
		error = redis_reply_error(&reply);
		redis_pool_complain(r, error == NULL ? "no time came" : error, LOGIN_HINT);
		err = ERR_STORE;
	}
	redis_reply_free(&reply);
	buf_free(&command);
	return err;
}

static enum err
connect_new(struct redis_pool *r, struct redis_connection *connection)
{
	const char *fault = r->where.port == 0 ? unix_path_fault(r->where.path) : NULL;
	enum err err = ERR_STORE;

	*connection = (struct redis_connection){.fd = -1};
	if (fault != NULL) {
		redis_pool_complain(r, fault, REACH_HINT);
		return ERR_STORE;
	}
	for (size_t i = 0; err != ERR_OK && i < r->address_count; i++)
		err = redis_connection_open(
		    connection, (const struct sockaddr *)&r->address[i].address, r->address[i].len);
	if (err != ERR_OK)
		redis_pool_complain(r, strerror(errno), REACH_HINT);
	if (err == ERR_OK && r->login.password_file[0] != '\0')
		err = log_in(r, connection);
	if (err == ERR_OK && r->where.db != 0)
		err = choose_db(r, connection);
	if (err == ERR_OK)
		err = ask_time(r, connection);
	if (err != ERR_OK)
		redis_connection_close(connection);
	return err;
}

enum err
redis_pool_call(struct redis_pool *r, const struct buf *command, struct redis_reply *reply)
{
	struct redis_connection connection;
	enum err err = command->err;

	blocking_begin();
	if (err == ERR_OK && !take_idle(r, &connection))
		err = connect_new(r, &connection);
	if (err != ERR_OK)
		return err;
	if ((err = ask(r, &connection, command, reply)) == ERR_OK) {
		keep_idle(r, &connection);
		return ERR_OK;
	}
	redis_connection_close(&connection);
	/* the other connections lead to the same Redis */
	redis_pool_drop(r);
	return err;
}

void
redis_pool_heard(struct redis_pool *r, int64_t time_ms)
{
	int64_t now = clock_boot_ms();

	atomic_store(&r->offset_ms, time_ms - now);
	atomic_store(&r->heard_ms, now);
}

enum err
redis_pool_clock(struct redis_pool *r, int64_t *time_ms)
{
	int64_t heard = atomic_load(&r->heard_ms);
	struct redis_connection connection;
	enum err err = ERR_OK;

	if (heard == 0 || clock_boot_ms() - heard > FRESH_MS) {
		blocking_begin();
		err = take_idle(r, &connection) ? ask_time(r, &connection)
						: connect_new(r, &connection);
		if (err == ERR_OK)
			keep_idle(r, &connection);
		else
			redis_connection_close(&connection);
	}
	*time_ms =
	    atomic_load(&r->heard_ms) == 0 ? -1 : clock_boot_ms() + atomic_load(&r->offset_ms);
	return err;
}
