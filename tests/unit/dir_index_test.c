#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/dir/dir_index.h"
#include "store/dir/flow_files.h"
#include "store/dir/private_dir.h"
#include "util/log.h"

#define LIFETIME  300
#define MOST	  512 /* entries that the index may have */
#define STEPS	  20000
#define FLOWS_MAX (STEPS + 1)
#define FEW	  7 /* values of each key, so that many flows share one */

static char folder[64];
static int dir;
static struct dir_index_file ix;

/* What the index should know, written down as simply as it can be. */
static struct model {
	char id[FLOW_ID_LEN + 1];
	struct store_keys keys;
	int64_t created;
	bool ended;
} model[FLOWS_MAX];
static int count;

static int
open_index(void **state)
{
	(void)state;
	count = 0;
	srandom(1);
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	/* where files cost no disk, if there is such a place */
	snprintf(folder, sizeof(folder), "%s/opencode-callback-index-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(folder) == NULL || (dir = open(folder, O_RDONLY | O_DIRECTORY)) < 0)
		return -1;
	dir_index_file_init(&ix);
	return dir_index_file_open(&ix, dir) == ERR_OK ? 0 : -1;
}

static int
close_index(void **state)
{
	DIR *all = fdopendir(dir);
	const struct dirent *file;

	(void)state;
	dir_index_file_free(&ix);
	while (all != NULL && (file = readdir(all)) != NULL)
		unlinkat(dir, file->d_name, 0);
	closedir(all);
	return rmdir(folder);
}

/* Which flow of the model has this id. */
static const struct model *
by_id(const char *id)
{
	return &model[strtol(id, NULL, 10)];
}

static void
reopen(void)
{
	if (random() % 2 == 0)
		dir_index_file_close(&ix);
	else
		dir_index_file_free(&ix);
	assert_int_equal(dir_index_file_open(&ix, dir), ERR_OK);
}

/* A file of its own says that a flow is still there. */
static void
add(int64_t now, const struct store_keys *keys)
{
	struct flow flow = {.created = now, .expires = now + LIFETIME};
	struct model *m = &model[count];
	struct dir_index_entry *e;

	snprintf(flow.id, sizeof(flow.id), "%0*d", FLOW_ID_LEN, count);
	memcpy(m->id, flow.id, sizeof(m->id));
	m->keys = *keys;
	m->created = now;
	m->ended = false;
	assert_int_equal(dir_index_add(&ix, &flow, keys, now, MOST, &e), ERR_OK);
	assert_int_equal(private_dir_file_write(dir, flow.id, "", "x", 1), ERR_OK);
	count++;
}

static void
end(struct model *m)
{
	if (m->ended)
		return;
	m->ended = true;
	assert_int_equal(private_dir_symlink_make(dir, m->id, ".claim", "claim 1"), ERR_OK);
	assert_int_equal(private_dir_symlink_make(dir, m->id, ".end", "done "), ERR_OK);
}

static bool
waits(const struct model *m, int64_t now)
{
	return !m->ended && m->created <= now && now < m->created + LIFETIME;
}

static bool
is_there(const struct model *m)
{
	return private_dir_vacant(dir, m->id) == ERR_TAKEN;
}

/* Whether the flows of the list are the newest of those that match. */
static void
assert_list(char id[][FLOW_ID_LEN + 1], size_t found, bool (*matches)(const struct model *, void *),
	    void *ctx)
{
	size_t n = 0;

	for (int i = count - 1; i >= 0 && n < STORE_LIST_MAX; i--)
		if (matches(&model[i], ctx)) {
			assert_true(n < found);
			/* of one second any order is good */
			assert_int_equal(by_id(id[n])->created, model[i].created);
			assert_true(matches(by_id(id[n]), ctx));
			n++;
		}
	assert_int_equal(n, found);
}

static bool
of_browser(const struct model *m, void *browser)
{
	return m->keys.browser == *(uint64_t *)browser && is_there(m);
}

struct recent {
	struct store_keys keys;
	int64_t since;
};

static bool
is_recent(const struct model *m, void *ctx)
{
	const struct recent *r = ctx;

	return m->created > r->since && is_there(m) &&
	       (m->keys.group == r->keys.group || m->keys.slot == r->keys.slot);
}

static void
compare(int64_t now, const struct store_keys *keys)
{
	static const struct store_limits limits = {.max_pending = 100,
						   .max_pending_per_client = 20};
	struct recent recent = {*keys, now - 60};
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	int all = 0, others = 0, mine = 0;
	uint64_t browser = keys->browser;
	size_t found;

	for (int i = 0; i < count; i++)
		if (waits(&model[i], now)) {
			assert_true(is_there(&model[i]));
			all++;
			others += model[i].keys.group != keys->group;
			mine += model[i].keys.group != keys->group &&
				model[i].keys.client == keys->client;
		}
	assert_int_equal(dir_index_check_limits(&ix, keys, &limits, now),
			 others < 100 && mine < 20 ? ERR_OK : ERR_TOO_MANY_FLOWS);
	assert_int_equal(dir_index_count_waiting(&ix, now), all);
	dir_index_list_browser(&ix, browser, id, &found);
	assert_list(id, found, of_browser, &browser);
	dir_index_list_recent(&ix, keys, recent.since, id, &found);
	assert_list(id, found, is_recent, &recent);
}

static struct store_keys
some_keys(void)
{
	return (struct store_keys){.client = (uint64_t)random() % FEW,
				   .browser = (uint64_t)random() % FEW * UINT64_C(0x100000001),
				   .group = (uint64_t)random() % FEW,
				   .slot = (uint64_t)random() % FEW};
}

/* Begins, ends and time in any order, with the index closed now and then. */
static void
it_agrees_with_a_simple_list(void **state)
{
	int64_t now = 1000;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		struct store_keys keys = some_keys();

		/* at times few, so that flows grow old; at times so many that places run out */
		if (random() % (i / 500 % 2 == 0 ? 2 : 40) == 0)
			now += random() % 20;
		add(now, &keys);
		if (random() % 4 != 0)
			end(&model[random() % 3 == 0 ? random() % count : count - 1]);
		/* beyond the limit, but never near the number of places */
		for (int m = i, all = 0; m >= 0; m--)
			if (waits(&model[m], now) && ++all > 120)
				end(&model[m]);
		if (random() % 50 == 0)
			reopen();
		if (random() % 20 == 0) {
			keys = some_keys();
			compare(now, &keys);
		}
	}
}

/* The oldest places go to others, but not while their flows wait. */
static void
a_flow_that_waits_keeps_its_place(void **state)
{
	struct store_keys keys = {.client = 1, .browser = 2, .group = 3, .slot = 4};
	struct store_keys others = {.client = 5, .browser = 6, .group = 7, .slot = 8};
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	size_t found;

	(void)state;
	add(1000, &keys);
	for (int i = 0; i < 5 * MOST; i++) {
		add(1001, &others);
		end(&model[count - 1]);
	}
	assert_int_equal(dir_index_count_waiting(&ix, 1001), 1);
	assert_true(is_there(&model[0]));
	dir_index_list_browser(&ix, keys.browser, id, &found);
	assert_int_equal(found, 1);
	assert_string_equal(id[0], model[0].id);
	dir_index_list_recent(&ix, &keys, 999, id, &found);
	assert_int_equal(found, 1);
	/* what has lost its place is gone, files and all */
	assert_false(is_there(&model[1]));
}

static void
what_is_old_is_cleaned_up_by_later_begins(void **state)
{
	struct store_keys keys = {.client = 1};
	int64_t late = 1000 + LIFETIME + STORE_KEEP_SECONDS;

	(void)state;
	for (int i = 0; i < 100; i++)
		add(1000, &keys);
	assert_int_equal(private_dir_symlink_make(dir, model[0].id, ".url", "x"), ERR_OK);
	add(1000 + LIFETIME, &keys);
	assert_int_equal(private_dir_symlink_make(dir, model[0].id, ".url", "x"), ERR_OK);
	assert_true(is_there(&model[0]));
	add(late, &keys);
	add(late, &keys);
	for (int i = 0; i < 100; i++)
		assert_false(is_there(&model[i]));
	assert_true(is_there(&model[100]));
	/* and after a restart of the clock all that is from before */
	add(10, &keys);
	assert_false(is_there(&model[100]));
	assert_int_equal(dir_index_count_waiting(&ix, 10), 1);
}

/* A process may die at any moment; the next one finds all that was whole. */
static void
chains_are_made_anew_if_somebody_died_over_them(void **state)
{
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	size_t found;

	(void)state;
	for (uint64_t i = 0; i < 30; i++)
		add(1000, &(struct store_keys){.browser = i % 2});
	for (uint64_t i = 0; i < ix.head->capacity; i++)
		memset(ix.entry[i].head, i % 3 == 0 ? 0 : 0xff, sizeof(ix.entry[i].head));
	ix.head->unlinked = 1;
	reopen();
	for (uint64_t browser = 0; browser < 2; browser++) {
		dir_index_list_browser(&ix, browser, id, &found);
		assert_int_equal(found, 15);
	}
	assert_int_equal(ix.head->unlinked, 0);
}

/* A file that was left mapped is looked at again. */
static void
others_may_make_it_grow(void **state)
{
	struct dir_index_file other;
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	size_t found;

	(void)state;
	add(1000, &(struct store_keys){.browser = 1});
	dir_index_file_close(&ix);
	other = ix;
	dir_index_file_init(&ix);
	assert_int_equal(dir_index_file_open(&ix, dir), ERR_OK);
	for (int i = 0; i < 200; i++)
		add(1000, &(struct store_keys){.browser = 2});
	dir_index_file_free(&ix);
	ix = other;
	assert_int_equal(dir_index_file_open(&ix, dir), ERR_OK);
	assert_int_equal(dir_index_count_waiting(&ix, 1000), 201);
	dir_index_list_browser(&ix, 1, id, &found);
	assert_int_equal(found, 1);
	dir_index_list_browser(&ix, 2, id, &found);
	assert_int_equal(found, STORE_LIST_MAX);
}

static void
what_is_no_index_is_made_anew(void **state)
{
	static const char garbage[1000] = "garbage";

	(void)state;
	for (size_t len = 0; len <= sizeof(garbage); len += 100) {
		int fd = openat(dir, "index", O_WRONLY | O_TRUNC);

		dir_index_file_close(&ix);
		assert_int_equal(write(fd, garbage, len), len);
		close(fd);
		assert_int_equal(dir_index_file_open(&ix, dir), ERR_OK);
		add(1000, &(struct store_keys){.client = 1});
		assert_int_equal(dir_index_count_waiting(&ix, 1000), 1);
	}
}

/* However many there are, a step looks at a few: the entries of a bucket. */
static void
chains_stay_short(void **state)
{
	size_t longest = 0;

	(void)state;
	for (int i = 0; i < FLOWS_MAX; i++) {
		struct store_keys keys = {.client = (uint64_t)random() << 20 ^ (uint64_t)random()};

		add(1000 + i / 100, &keys);
		end(&model[count - 1]);
	}
	for (uint64_t seq = ix.head->oldest; seq < ix.head->next; seq++) {
		const struct dir_index_entry *e = dir_index_file_get(&ix, seq);
		size_t len = 1;

		while (e->back[DIR_INDEX_CLIENT] > 0 &&
		       (e = dir_index_file_get(&ix, e->seq - e->back[DIR_INDEX_CLIENT])) != NULL)
			len++;
		longest = len > longest ? len : longest;
	}
	assert_in_range(longest, 2, 12);
}

#define INDEX_TEST(f) cmocka_unit_test_setup_teardown(f, open_index, close_index)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    INDEX_TEST(it_agrees_with_a_simple_list),
	    INDEX_TEST(a_flow_that_waits_keeps_its_place),
	    INDEX_TEST(what_is_old_is_cleaned_up_by_later_begins),
	    INDEX_TEST(chains_are_made_anew_if_somebody_died_over_them),
	    INDEX_TEST(others_may_make_it_grow),
	    INDEX_TEST(what_is_no_index_is_made_anew),
	    INDEX_TEST(chains_stay_short),
	};

	return cmocka_run_group_tests_name("dir_index", tests, NULL, NULL);
}
