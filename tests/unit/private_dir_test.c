#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_kind.h"
#include "util/log.h"
#include "util/secret.h"

/* If the store's folder is not private or is gone, every operation fails with the store's error; it
 * succeeds again once the folder is right. */

static const struct store_limits limits = {
    .max_pending = 8, .max_pending_per_client = 3, .rate = 60, .burst = 10};
static char folder[64], away[72];
static struct store *store;
static struct flow flow;
static struct store_keys keys = {1, 2, 3, 4};

static int
open_store(void **state)
{
	char spec[80];

	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	snprintf(folder, sizeof(folder), "/tmp/opencode-callback-folder-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(away, sizeof(away), "%s.away", folder);
	snprintf(spec, sizeof(spec), "dir:%s", folder);
	if (store_kind_open(spec, &limits, NULL, &store) != ERR_OK)
		return -1;
	flow = (struct flow){.provider = "openai", .redirect_path = "/auth/callback"};
	flow_id("S", 1, flow.id);
	flow.created = store->ops->now(store);
	flow.expires = flow.created + 300;
	return store->ops->add(store, &flow, "https://a.example/", &keys, NULL) == ERR_OK ? 0 : -1;
}

static int
close_store(void **state)
{
	static const char *const suffixes[] = {"", ".url", ".browser", ".claim", ".end"};
	static const char *const others[] = {"index", "limit", "lock", "note-n"};
	char path[256];

	(void)state;
	store->ops->close(store);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s%s", folder, flow.id, suffixes[i]);
		unlink(path);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, others[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* All operations on the one flow; which: how many of them there are is what it returns at the end.
 */
static const char *
operation(size_t which, enum err *err)
{
	const struct store_ops *ops = store->ops;
	static char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	char note[STORE_NOTE_MAX + 1];
	struct store_lock lock = {.fd = -1};
	struct allowance allowance;
	struct snapshot snap;
	struct buf url;
	size_t count;

	switch (which) {
	case 0:
		*err = ops->lock(store, 3, &lock);
		ops->unlock(store, &lock);
		return "lock";
	case 1:
		*err = ops->check_limits(store, &keys);
		return "room";
	case 2:
		*err = ops->find(store, flow.id, &snap);
		return "find";
	case 3:
		buf_init(&url, 100);
		*err = ops->authorize_url(store, flow.id, &url);
		buf_free(&url);
		return "authorize_url";
	case 4:
		*err = ops->list_recent(store, &keys, 300, id, &count);
		return "list_recent";
	case 5:
		*err = ops->list_browser(store, keys.browser, id, &count);
		return "list_browser";
	case 6:
		*err = ops->count_waiting(store, &count);
		return "count_waiting";
	case 7:
		*err = ops->consume(store, 1, 1, &allowance);
		return "consume";
	case 8:
		*err = ops->check_writable(store);
		return "check_writable";
	case 9:
		*err = ops->note_set(store, "n", "x");
		return "note_set";
	case 10:
		*err = ops->note_get(store, "n", 60, note);
		return "note_get";
	case 11:
		*err = ops->bind(store, flow.id, "b");
		return "bind";
	case 12:
		*err = ops->claim(store, flow.id, NULL);
		return "claim";
	case 13:
		*err = ops->release(store, flow.id);
		return "release";
	case 14:
		*err = ops->expire(store, flow.id);
		return "expire";
	case 15:
		*err = ops->finish(store, flow.id, FLOW_EXPIRED, REASON_NONE);
		return "finish";
	default:
		return NULL;
	}
}

static void
all_fail(const char *how)
{
	const char *name;
	enum err err;

	for (size_t i = 0; (name = operation(i, &err)) != NULL; i++)
		if (err != ERR_STORE)
			fail_msg("%s, %s: %s", how, name, error_name(err));
}

static void
all_work(void)
{
	const char *name;
	enum err err;

	for (size_t i = 0; (name = operation(i, &err)) != NULL; i++)
		if (err != ERR_OK)
			fail_msg("%s: %s", name, error_name(err));
}

static void
a_folder_that_is_gone_is_told_at_every_step(void **state)
{
	(void)state;
	assert_int_equal(rename(folder, away), 0);
	all_fail("gone");
	assert_int_equal(rename(away, folder), 0);
	all_work();
}

static void
so_is_one_that_others_may_enter(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0750), 0);
	all_fail("0750");
	assert_int_equal(chmod(folder, 0700), 0);
	all_work();
}

static void
so_is_a_link_in_its_place(void **state)
{
	(void)state;
	assert_int_equal(rename(folder, away), 0);
	assert_int_equal(symlink(away, folder), 0);
	all_fail("a link");
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(away, folder), 0);
	all_work();
}

static void
a_claim_that_is_not_there_cannot_be_released(void **state)
{
	struct snapshot snap;

	(void)state;
	assert_int_equal(store->ops->release(store, flow.id), ERR_STORE);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_OK);
	assert_int_equal(snap.state, FLOW_WAITING);
}

/* What somebody else has put under a note's name is none, and goes when the next is written. */
static void
a_strange_note_is_no_note(void **state)
{
	static const char *const texts[] = {"", "x", "12", "-", "999999999999 x", " x"};
	char note[STORE_NOTE_MAX + 1], path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/note-n", folder);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i][0] == '\0')
			assert_int_equal(mknod(path, S_IFIFO | 0600, 0), 0);
		else
			assert_int_equal(symlink(texts[i], path), 0);
		if (store->ops->note_get(store, "n", 60, note) != ERR_ABSENT)
			fail_msg("'%s' is a note", texts[i]);
		assert_int_equal(store->ops->note_set(store, "n", "good"), ERR_OK);
		assert_int_equal(store->ops->note_get(store, "n", 60, note), ERR_OK);
		assert_string_equal(note, "good");
		assert_int_equal(unlink(path), 0);
	}
}

static void
there_is_one_kind_of_store(void **state)
{
	static char path[PATH_MAX + 16] = "dir:/";
	struct store *other;

	(void)state;
	assert_int_equal(store_kind_open("redis:localhost", &limits, NULL, &other), ERR_CONFIG);
	assert_int_equal(store_kind_open("", &limits, NULL, &other), ERR_CONFIG);
	memset(path + 5, 'x', PATH_MAX);
	assert_int_equal(store_kind_open(path, &limits, NULL, &other), ERR_CONFIG);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    STORE_TEST(a_folder_that_is_gone_is_told_at_every_step),
	    STORE_TEST(so_is_one_that_others_may_enter),
	    STORE_TEST(so_is_a_link_in_its_place),
	    STORE_TEST(a_claim_that_is_not_there_cannot_be_released),
	    STORE_TEST(a_strange_note_is_no_note),
	    cmocka_unit_test(there_is_one_kind_of_store),
	};

	if (secret_init() != ERR_OK)
		return 1;
	return cmocka_run_group_tests_name("private_dir", tests, NULL, NULL);
}
