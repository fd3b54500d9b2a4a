#include "store/dir/dir_rate_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/dir/private_dir.h"
#include "util/blocking.h"
#include "util/log.h"
#include "util/secret.h"

#define SETS	  1024 /* its hash assigns a client to one set, */
#define WAYS	  8    /* where it may use any word */
#define LOCK_BYTE 0x80000000
#define MINUTE_MS 60000

static const char magic[8] = "limit 1";

struct limit_table {
	char magic[sizeof(magic)];
	unsigned char key[SECRET_KEYED_BYTES]; /* nobody can choose whose word to share */
	char unused[40];
	_Atomic uint64_t word[SETS][WAYS];
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "processes share the words");
_Static_assert(offsetof(struct limit_table, word) % 64 == 0, "a set is one cache line");

/*
 * A word: the client's tag, whether the log was told, and the time at which the whole allowance
 * is back (the generic cell rate algorithm, ITU-T I.371). 0: free.
 */
#define TIME_BITS 40 /* 34 years of milliseconds */
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)
#define TOLD	  (UINT64_C(1) << TIME_BITS)
#define TAG_SHIFT (TIME_BITS + 1)

void
dir_rate_limit_init(struct dir_rate_limit *l, struct private_dir *folder)
{
	*l = (struct dir_rate_limit){.folder = folder, .fd = -1};
	pthread_rwlock_init(&l->lock, NULL);
}

static void
unmap(struct dir_rate_limit *l)
{
	if (l->table != NULL)
		munmap(l->table, sizeof(*l->table));
	if (l->fd >= 0)
		close(l->fd);
	l->table = NULL;
	l->fd = -1;
}

void
dir_rate_limit_free(struct dir_rate_limit *l)
{
	unmap(l);
	pthread_rwlock_destroy(&l->lock);
}

/* Replaces whatever is there by a new file. */
static enum err
make_file(int dir)
{
	static const struct limit_table empty;
	char head[offsetof(struct limit_table, word)] = "";
	enum err err = ERR_STORE;
	int fd;

	memcpy(head, magic, sizeof(magic));
	secret_random(head + offsetof(struct limit_table, key), sizeof(empty.key));
	unlinkat(dir, "limit.new", 0);
	fd = openat(dir, "limit.new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_STORE;
	/* not ftruncate(): on a full file system, a write to a hole raises SIGBUS */
	if (posix_fallocate(fd, 0, sizeof(empty)) == 0 &&
	    pwrite(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    renameat(dir, "limit.new", dir, "limit") == 0)
		err = ERR_OK;
	close(fd);
	if (err != ERR_OK)
		unlinkat(dir, "limit.new", 0);
	return err;
}

/* Whether an open file has its full size and still has a name. */
static bool
is_whole(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 0 &&
	       st.st_size == sizeof(struct limit_table);
}

/* Maps the existing file. ERR_ABSENT: there is none, or it is not ours. */
static enum err
map_file(struct dir_rate_limit *l, int dir)
{
	l->fd = openat(dir, "limit", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (l->fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? ERR_ABSENT : ERR_STORE;
	if (!is_whole(l->fd)) {
		unmap(l);
		return ERR_ABSENT;
	}
	l->table = mmap(NULL, sizeof(*l->table), PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
	if (l->table == MAP_FAILED) {
		l->table = NULL;
		unmap(l);
		return ERR_STORE;
	}
	if (memcmp(l->table->magic, magic, sizeof(magic)) == 0)
		return ERR_OK;
	unmap(l);
	return ERR_ABSENT;
}

/* The mapping that this thread last found whole, and in which generation (util/blocking.h). */
static _Thread_local struct {
	const struct limit_table *table;
	unsigned generation;
} seen;

/* Whether the mapping is of the file in the folder that was entered last. */
static bool
is_current(const struct dir_rate_limit *l)
{
	unsigned generation = blocking_generation();

	if (l->table == NULL || l->folder_opened != atomic_load(&l->folder->opened))
		return false;
	if (seen.table == l->table && seen.generation == generation && generation != 0)
		return true;
	if (!is_whole(l->fd))
		return false;
	seen.table = l->table;
	seen.generation = generation;
	return true;
}

/* Makes the file unless another process was first, then maps it. */
static enum err
make_and_map(struct dir_rate_limit *l, int dir)
{
	enum err err;
	int lock;

	if ((err = private_dir_lock(dir, "lock", LOCK_BYTE, &lock)) != ERR_OK)
		return err;
	if ((err = map_file(l, dir)) == ERR_ABSENT && (err = make_file(dir)) == ERR_OK)
		err = map_file(l, dir);
	close(lock);
	return err;
}

static enum err
renew(struct dir_rate_limit *l)
{
	enum err err;
	int dir;

	unmap(l);
	if ((err = private_dir_enter(l->folder, &dir)) != ERR_OK)
		return err; /* the log has the cause */
	l->folder_opened = atomic_load(&l->folder->opened);
	if ((err = map_file(l, dir)) == ERR_ABSENT)
		err = make_and_map(l, dir);
	if (err == ERR_OK)
		return ERR_OK;
	log_event(LOG_LEVEL_ERROR, "store-limit", "cause", strerror(errno), NULL);
	return ERR_STORE;
}

/* Returns the client's word, or the one to give it: a free one, or the one that was used least. */
static _Atomic uint64_t *
find_word(struct limit_table *table, uint64_t hash, uint64_t *value)
{
	_Atomic uint64_t *set = table->word[hash % SETS], *best = NULL;
	uint64_t tag = hash >> TAG_SHIFT, best_value = 0;

	for (size_t i = 0; i < WAYS; i++) {
		uint64_t word = atomic_load(&set[i]);

		if (word != 0 && word >> TAG_SHIFT == tag) {
			*value = word;
			return &set[i];
		}
		if (best == NULL || (word & TIME_MASK) < (best_value & TIME_MASK)) {
			best = &set[i];
			best_value = word;
		}
	}
	*value = best_value;
	return best;
}

static enum err
consume(struct limit_table *table, uint64_t hash, int64_t now, const struct store_limits *limits,
	int count, struct allowance *out)
{
	int64_t each = MINUTE_MS / limits->rate, all = each * limits->burst;
	uint64_t tag = hash >> TAG_SHIFT;

	for (;;) {
		uint64_t old, new;
		_Atomic uint64_t *word = find_word(table, hash, &old);
		bool mine = old != 0 && old >> TAG_SHIFT == tag;
		int64_t back = mine ? (int64_t)(old & TIME_MASK) : 0;
		bool over;

		/* more than the whole allowance ahead: from another run of the clock */
		if (back < now || back > now + all)
			back = now;
		over = back + (count > 0 ? count : 1) * each - now > all;
		*out = (struct allowance){.wait = 0};
		if (over) {
			out->wait = (int)((back + each - now - all + 999) / 1000);
			out->first = count > 0 && !(old & TOLD);
		}
		if (count == 0 || (over && !out->first))
			return over ? ERR_RATE : ERR_OK;
		new = tag << TAG_SHIFT | (uint64_t)(over ? back : back + count * each);
		if (over || (mine && (old & TOLD) && back > now))
			new |= TOLD;
		if (atomic_compare_exchange_strong(word, &old, new))
			return over ? ERR_RATE : ERR_OK;
	}
}

enum err
dir_rate_limit_consume(struct dir_rate_limit *l, int64_t now_ms, const struct store_limits *limits,
		       uint64_t client, int count, struct allowance *out)
{
	enum err err = ERR_OK;

	*out = (struct allowance){.wait = 0};
	pthread_rwlock_rdlock(&l->lock);
	if (!is_current(l)) {
		pthread_rwlock_unlock(&l->lock);
		pthread_rwlock_wrlock(&l->lock);
		if (!is_current(l))
			err = renew(l);
	}
	if (err == ERR_OK)
		err = consume(l->table, secret_keyed(l->table->key, client), now_ms, limits, count,
			      out);
	pthread_rwlock_unlock(&l->lock);
	return err;
}
