#include "store/dir/dir_store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/claim_text.h"
#include "store/dir/dir_index.h"
#include "store/dir/dir_rate_limit.h"
#include "store/dir/flow_files.h"
#include "store/dir/private_dir.h"
#include "util/blocking.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define TRY_BYTES   16384
#define ENDED_RATIO 3 /* ended flows kept, as a multiple of max_pending */
#define GROUP_LOCKS 0x7fffffff

struct store_dir {
	struct store store;
	struct store_limits limits;
	char path[PATH_MAX];
	struct private_dir folder;
	struct dir_rate_limit limit;
	pthread_mutex_t mutex; /* for the index */
	struct dir_index_file index;
};

static struct store_dir *
dir_of(struct store *s)
{
	return (struct store_dir *)s;
}

static int64_t
dir_now(struct store *s)
{
	(void)s;
	return clock_boot_ms() / 1000;
}

static enum err
dir_lock(struct store *s, uint64_t group, struct store_lock *lock)
{
	enum err err;
	int dir;

	lock->fd = -1;
	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	err = private_dir_lock(dir, "lock", (off_t)(group & GROUP_LOCKS), &lock->fd);
	return err;
}

static void
dir_unlock(struct store *s, struct store_lock *lock)
{
	(void)s;
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}

/* Enters the folder and opens its index; index_leave() ends that. */
static enum err
index_enter(struct store *s, struct dir_index_file **ix)
{
	struct store_dir *d = dir_of(s);
	int dir;

	if (private_dir_enter(&d->folder, &dir) != ERR_OK)
		return ERR_STORE;
	if (pthread_mutex_trylock(&d->mutex) != 0) {
		blocking_begin();
		pthread_mutex_lock(&d->mutex);
	}
	*ix = &d->index;
	if (dir_index_file_open(*ix, dir) == ERR_OK)
		return ERR_OK;
	log_event(LOG_LEVEL_ERROR, "store-index", "folder", d->path, "cause", strerror(errno),
		  NULL);
	pthread_mutex_unlock(&d->mutex);
	return ERR_STORE;
}

static void
index_leave(struct store *s)
{
	dir_index_file_close(&dir_of(s)->index);
	pthread_mutex_unlock(&dir_of(s)->mutex);
}

static enum err
dir_check_limits(struct store *s, const struct store_keys *keys)
{
	struct dir_index_file *ix;
	enum err err;

	if (index_enter(s, &ix) != ERR_OK)
		return ERR_STORE;
	err = dir_index_check_limits(ix, keys, &dir_of(s)->limits, dir_now(s));
	index_leave(s);
	return err;
}

static enum err
dir_add(struct store *s, const struct flow *flow, const char *authorize_url,
	const struct store_keys *keys, const struct store_lock *lock)
{
	size_t most = (size_t)dir_of(s)->limits.max_pending * (1 + ENDED_RATIO);
	struct dir_index_entry *e;
	struct dir_index_file *ix;
	enum err err;
	int error;

	(void)lock;
	if (index_enter(s, &ix) != ERR_OK)
		return ERR_STORE;
	if ((err = private_dir_vacant(ix->dir, flow->id)) == ERR_OK &&
	    (err = dir_index_add(ix, flow, keys, dir_now(s), most, &e)) == ERR_OK &&
	    (err = flow_files_write(ix->dir, flow, authorize_url)) != ERR_OK) {
		error = errno;
		dir_index_cancel(ix, e);
		if (err == ERR_STORE)
			flow_files_remove(ix->dir, flow->id);
		errno = error;
	}
	if (err == ERR_STORE)
		log_event(LOG_LEVEL_ERROR, "store-write", "flow", flow->id, "cause",
			  strerror(errno), NULL);
	index_leave(s);
	return err;
}

static enum err
dir_find(struct store *s, const char *id, struct snapshot *out)
{
	int dir;

	if (!flow_id_valid(id))
		return ERR_UNKNOWN_FLOW;
	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	out->now = dir_now(s);
	return flow_files_read(dir, id, out);
}

static enum err
dir_authorize_url(struct store *s, const char *id, struct buf *out)
{
	enum err err;
	int dir;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	err = private_dir_text_read(dir, id, ".url", out);
	if (err == ERR_ABSENT)
		err = ERR_UNKNOWN_FLOW;
	return err;
}

static enum err
dir_bind(struct store *s, const char *id, const char *browser)
{
	enum err err;
	int dir;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	err = private_dir_symlink_make(dir, id, ".browser", browser);
	return err;
}

static enum err
take(struct store *s, const char *id, const char *word)
{
	char text[48];
	enum err err;
	int dir;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	snprintf(text, sizeof(text), "%s %lld", word, (long long)dir_now(s));
	err = private_dir_symlink_make(dir, id, ".claim", text);
	if (err == ERR_OK && strcmp(word, CLAIM_TEXT_SUPERSEDED) == 0)
		private_dir_remove(dir, id, ".url");
	return err;
}

static enum err
dir_claim(struct store *s, const char *id, const struct store_lock *lock)
{
	(void)lock; /* this lock cannot be lost */
	return take(s, id, CLAIM_TEXT_CLAIMED);
}

static enum err
dir_expire(struct store *s, const char *id)
{
	return take(s, id, CLAIM_TEXT_EXPIRED);
}

static enum err
dir_supersede(struct store *s, const char *id)
{
	return take(s, id, CLAIM_TEXT_SUPERSEDED);
}

static enum err
dir_release(struct store *s, const char *id)
{
	char name[PRIVATE_DIR_NAME_SIZE];
	int dir, r;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	private_dir_name(name, id, ".claim");
	r = unlinkat(dir, name, 0);
	return r == 0 ? ERR_OK : ERR_STORE;
}

static enum err
dir_finish(struct store *s, const char *id, enum flow_state state, enum flow_reason reason)
{
	char text[CLAIM_TEXT_SIZE];
	enum err err;
	int dir;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	claim_text_end(state, reason, text);
	err = private_dir_symlink_make(dir, id, ".end", text);
	if (err == ERR_OK)
		private_dir_remove(dir, id, ".url");
	return err;
}

static enum err
dir_list_recent(struct store *s, const struct store_keys *keys, int seconds,
		char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct dir_index_file *ix;

	if (index_enter(s, &ix) != ERR_OK)
		return ERR_STORE;
	dir_index_list_recent(ix, keys, dir_now(s) - seconds, id, count);
	index_leave(s);
	return ERR_OK;
}

static enum err
dir_list_browser(struct store *s, uint64_t browser, char id[][FLOW_ID_LEN + 1], size_t *count)
{
	struct dir_index_file *ix;

	if (index_enter(s, &ix) != ERR_OK)
		return ERR_STORE;
	dir_index_list_browser(ix, browser, id, count);
	index_leave(s);
	return ERR_OK;
}

static enum err
dir_count_waiting(struct store *s, size_t *count)
{
	struct dir_index_file *ix;

	if (index_enter(s, &ix) != ERR_OK)
		return ERR_STORE;
	*count = dir_index_count_waiting(ix, dir_now(s));
	index_leave(s);
	return ERR_OK;
}

static enum err
dir_consume(struct store *s, uint64_t client, int count, struct allowance *out)
{
	struct store_dir *d = dir_of(s);

	return dir_rate_limit_consume(&d->limit, clock_boot_ms(), &d->limits, client, count, out);
}

/* Writes as many bytes as a flow takes, with its entry in the index. */
static enum err
dir_check_writable(struct store *s)
{
	static const char block[TRY_BYTES];
	enum err err;
	int dir;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	private_dir_remove(dir, "try", "");
	err = private_dir_file_write(dir, "try", "", block, sizeof(block));
	if (err == ERR_TAKEN) /* another process tries at this generation */
		return ERR_OK;
	if (err != ERR_OK)
		log_event(LOG_LEVEL_ERROR, "store-write", "file", "try", "cause", strerror(errno),
			  NULL);
	private_dir_remove(dir, "try", "");
	return err;
}

static enum err
dir_note_get(struct store *s, const char *name, int seconds, char note[STORE_NOTE_MAX + 1])
{
	char text[PRIVATE_DIR_SYMLINK_SIZE], *rest;
	int64_t since, now = dir_now(s);
	enum err err;
	int dir;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	err = private_dir_symlink_read(dir, "note-", name, text);
	if (err != ERR_OK)
		return err;
	since = strtoll(text, &rest, 10);
	if (*rest != ' ' || since > now || now - since >= seconds ||
	    strlen(rest + 1) > STORE_NOTE_MAX)
		return ERR_ABSENT;
	memcpy(note, rest + 1, strlen(rest + 1) + 1);
	return ERR_OK;
}

static enum err
dir_note_set(struct store *s, const char *name, const char *note)
{
	char text[PRIVATE_DIR_SYMLINK_SIZE];
	enum err err;
	int dir;

	if (private_dir_enter(&dir_of(s)->folder, &dir) != ERR_OK)
		return ERR_STORE;
	snprintf(text, sizeof(text), "%lld %s", (long long)dir_now(s), note);
	private_dir_remove(dir, "note-", name);
	/* if two processes write at once, either note will do */
	err = private_dir_symlink_make(dir, "note-", name, text);
	return err == ERR_TAKEN ? ERR_OK : err;
}

static void
dir_close(struct store *s)
{
	dir_index_file_free(&dir_of(s)->index);
	pthread_mutex_destroy(&dir_of(s)->mutex);
	dir_rate_limit_free(&dir_of(s)->limit);
	private_dir_free(&dir_of(s)->folder);
	free(dir_of(s));
}

static const struct store_ops dir_ops = {
    .now = dir_now,
    .lock = dir_lock,
    .unlock = dir_unlock,
    .check_limits = dir_check_limits,
    .add = dir_add,
    .find = dir_find,
    .authorize_url = dir_authorize_url,
    .bind = dir_bind,
    .claim = dir_claim,
    .supersede = dir_supersede,
    .expire = dir_expire,
    .release = dir_release,
    .finish = dir_finish,
    .list_recent = dir_list_recent,
    .list_browser = dir_list_browser,
    .count_waiting = dir_count_waiting,
    .consume = dir_consume,
    .check_writable = dir_check_writable,
    .note_get = dir_note_get,
    .note_set = dir_note_set,
    .close = dir_close,
};

enum err
dir_store_open(const char *path, const struct store_limits *limits, const struct store_login *login,
	       struct store **out)
{
	struct store_dir *s = calloc(1, sizeof(*s));

	(void)login;
	if (s == NULL)
		return ERR_MEMORY;
	s->store.ops = &dir_ops;
	s->limits = *limits;
	if (!text_copy(s->path, sizeof(s->path), path)) {
		free(s);
		return ERR_CONFIG;
	}
	private_dir_init(&s->folder, s->path);
	dir_rate_limit_init(&s->limit, &s->folder);
	pthread_mutex_init(&s->mutex, NULL);
	dir_index_file_init(&s->index);
	*out = &s->store;
	return ERR_OK;
}

bool
dir_store_check(const char *path, char *why, size_t why_size)
{
	if (path[0] == '/')
		return true;
	snprintf(why, why_size, "must be dir: and an absolute path");
	return false;
}

void
dir_store_access(const char *path, struct store_access *out)
{
	out->folder = path;
}
