#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/flow_record.h"
#include "redis_server.h"
#include "store/dir/private_dir.h"
#include "store/store_kind.h"
#include "util/log.h"
#include "util/secret.h"

/* One conformance test for every kind of store; what concerns only one of them stands at the end.
 */

#define RACERS 16

static const struct store_limits limits = {
    .max_pending = 8, .max_pending_per_client = 3, .rate = 1, .burst = 2};
static char folder[64];
static struct store *store;

static int
open_folder(void **state)
{
	char spec[80];

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/opencode-callback-store-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(spec, sizeof(spec), "dir:%s", folder);
	return store_kind_open(spec, &limits, NULL, &store) == ERR_OK ? 0 : -1;
}

static int
close_folder(void **state)
{
	(void)state;
	store->ops->close(store);
	return remove_folder(folder);
}

static int
open_redis(void **state)
{
	(void)state;
	redis_empty();
	return store_kind_open(redis_spec_text(), &limits, redis_login(), &store) == ERR_OK ? 0
											    : -1;
}

static int
close_redis(void **state)
{
	(void)state;
	store->ops->close(store);
	return 0;
}

/* A flow of its own group, slot and client, unless told otherwise. */
static struct flow
make_flow(const char *name, int64_t lifetime, struct store_keys *keys)
{
	struct flow flow = {.method = 1,
			    .provider = "openai",
			    .redirect_host = "localhost:1455",
			    .redirect_port = 1455,
			    .redirect_path = "/auth/callback",
			    .authorize_origin = "https://auth.openai.com",
			    .directory = "%2Fsrc%2F\"quoted\"",
			    .client_address = "192.0.2.1"};

	flow_id(name, strlen(name), flow.id);
	secret_hash(name, strlen(name), flow.browser);
	flow.created = store->ops->now(store);
	flow.expires = flow.created + lifetime;
	*keys = (struct store_keys){.client = secret_key("client", name, NULL),
				    .browser = secret_key("browser", name, NULL),
				    .group = secret_key("group", name, NULL),
				    .slot = secret_key("slot", name, NULL)};
	return flow;
}

static struct flow
add_flow(const char *name, int64_t lifetime)
{
	struct store_keys keys;
	struct flow flow = make_flow(name, lifetime, &keys);

	assert_int_equal(store->ops->add(store, &flow, "https://a.example/?state=x", &keys, NULL),
			 ERR_OK);
	return flow;
}

static enum flow_state
state_of(const char *id, enum flow_reason *reason)
{
	struct snapshot snap;

	assert_int_equal(store->ops->find(store, id, &snap), ERR_OK);
	if (reason != NULL)
		*reason = snap.reason;
	return snap.state;
}

static void
a_record_comes_back_whole(void **state)
{
	struct flow flow = add_flow("whole", 300);
	struct snapshot snap;
	struct buf url;

	(void)state;
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_OK);
	assert_memory_equal(&snap.flow, &flow, sizeof(flow));
	assert_int_equal(snap.state, FLOW_WAITING);
	assert_false(snap.bound);
	assert_string_equal(snap.browser, flow.browser);
	buf_init(&url, FLOW_URL_MAX);
	assert_int_equal(store->ops->authorize_url(store, flow.id, &url), ERR_OK);
	assert_string_equal(buf_text(&url), "https://a.example/?state=x");
	buf_free(&url);
	assert_int_equal(store->ops->find(store, "AAAAAAAAAAAAAAAAAAAAAA", &snap),
			 ERR_UNKNOWN_FLOW);
	assert_int_equal(store->ops->find(store, "../../etc/passwd", &snap), ERR_UNKNOWN_FLOW);
	assert_int_equal(store->ops->find(store, "index", &snap), ERR_UNKNOWN_FLOW);
}

/* Around what a link holds, and far beyond: the record, by its directory, and the authorize URL. */
static void
texts_of_any_length_come_back_whole(void **state)
{
	static const size_t lens[][2] = {{1, 1022}, {400, 1023}, {900, 1024}, {4096, 8000}};
	char name[2] = "a", url[FLOW_URL_MAX + 1];
	struct snapshot snap;
	struct buf got;

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct store_keys keys;
		struct flow flow = make_flow(name, 300, &keys);

		name[0]++;
		memset(flow.directory, 'd', lens[i][0]);
		flow.directory[lens[i][0]] = '\0';
		memset(url, 'u', lens[i][1]);
		url[lens[i][1]] = '\0';
		assert_int_equal(store->ops->add(store, &flow, url, &keys, NULL), ERR_OK);
		assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_OK);
		assert_string_equal(snap.flow.directory, flow.directory);
		buf_init(&got, FLOW_URL_MAX);
		assert_int_equal(store->ops->authorize_url(store, flow.id, &got), ERR_OK);
		assert_string_equal(buf_text(&got), url);
		buf_free(&got);
		assert_int_equal(store->ops->supersede(store, flow.id), ERR_OK);
		assert_int_equal(store->ops->authorize_url(store, flow.id, &got), ERR_UNKNOWN_FLOW);
	}
}

static void
a_flow_is_never_overwritten(void **state)
{
	struct store_keys keys;
	struct flow flow = add_flow("twice", 300), other = make_flow("twice", 100, &keys);

	(void)state;
	assert_int_equal(store->ops->add(store, &other, "https://b.example/", &keys, NULL),
			 ERR_TAKEN);
	assert_int_equal(state_of(flow.id, NULL), FLOW_WAITING);
}

static void
binding_happens_once(void **state)
{
	struct flow flow = add_flow("bind", 300);
	char other[SECRET_HASH_LEN + 1];
	struct snapshot snap;

	(void)state;
	secret_hash("other", 5, other);
	assert_int_equal(store->ops->bind(store, flow.id, other), ERR_OK);
	assert_int_equal(store->ops->bind(store, flow.id, flow.browser), ERR_TAKEN);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_OK);
	assert_true(snap.bound);
	assert_string_equal(snap.browser, other);
}

struct race {
	const char *id;
	atomic_int winners;
	atomic_int losers;
	pthread_barrier_t start;
};

static enum err
claim(struct store *s, const char *id)
{
	return s->ops->claim(s, id, NULL);
}

static void *
racer(void *ctx)
{
	static atomic_int turn;
	enum err (*const step[])(struct store *, const char *) = {claim, store->ops->supersede,
								  store->ops->expire};
	struct race *race = ctx;
	int mine = atomic_fetch_add(&turn, 1) % 3;
	enum err err;

	pthread_barrier_wait(&race->start);
	err = step[mine](store, race->id);
	if (err == ERR_OK)
		atomic_fetch_add(&race->winners, 1);
	else if (err == ERR_TAKEN)
		atomic_fetch_add(&race->losers, 1);
	return NULL;
}

static void
of_many_claims_one_wins(void **state)
{
	char name[16];

	(void)state;
	for (int round = 0; round < 20; round++) {
		pthread_t thread[RACERS];
		struct race race = {.winners = 0};
		struct flow flow;

		snprintf(name, sizeof(name), "race%d", round);
		flow = add_flow(name, 300);
		race.id = flow.id;
		pthread_barrier_init(&race.start, NULL, RACERS);
		for (int i = 0; i < RACERS; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, racer, &race), 0);
		for (int i = 0; i < RACERS; i++)
			pthread_join(thread[i], NULL);
		pthread_barrier_destroy(&race.start);
		assert_int_equal(race.winners, 1);
		assert_int_equal(race.losers, RACERS - 1);
	}
}

static void
a_claim_runs_to_one_end(void **state)
{
	struct flow flow = add_flow("end", 300);
	enum flow_reason reason;
	struct buf url;

	(void)state;
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_OK);
	assert_int_equal(state_of(flow.id, NULL), FLOW_DELIVERING);
	assert_int_equal(store->ops->finish(store, flow.id, FLOW_FAILED, REASON_TIMEOUT), ERR_OK);
	assert_int_equal(store->ops->finish(store, flow.id, FLOW_DONE, REASON_NONE), ERR_TAKEN);
	assert_int_equal(state_of(flow.id, &reason), FLOW_FAILED);
	assert_int_equal(reason, REASON_TIMEOUT);
	buf_init(&url, FLOW_URL_MAX);
	assert_int_equal(store->ops->authorize_url(store, flow.id, &url), ERR_UNKNOWN_FLOW);
	buf_free(&url);
}

static void
a_released_claim_leaves_the_flow_waiting(void **state)
{
	struct flow flow = add_flow("release", 300);

	(void)state;
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_OK);
	assert_int_equal(store->ops->release(store, flow.id), ERR_OK);
	assert_int_equal(state_of(flow.id, NULL), FLOW_WAITING);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_OK);
	assert_int_equal(store->ops->finish(store, flow.id, FLOW_DONE, REASON_UNCONFIRMED), ERR_OK);
	assert_int_equal(state_of(flow.id, NULL), FLOW_DONE);
}

static void
time_runs_out(void **state)
{
	struct flow flow = add_flow("late", 0);

	(void)state;
	assert_int_equal(state_of(flow.id, NULL), FLOW_EXPIRED);
	assert_int_equal(store->ops->expire(store, flow.id), ERR_OK);
	assert_int_equal(state_of(flow.id, NULL), FLOW_DELIVERING);
	assert_int_equal(store->ops->finish(store, flow.id, FLOW_EXPIRED, REASON_NONE), ERR_OK);
	assert_int_equal(state_of(flow.id, NULL), FLOW_EXPIRED);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_TAKEN);
}

static void
limits_hold_for_all_and_for_each(void **state)
{
	struct store_keys keys;
	struct flow flow, first = {.id = ""};
	char name[16];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "client%d", i);
		flow = make_flow(name, 300, &keys);
		keys.client = 7;
		assert_int_equal(store->ops->check_limits(store, &keys), ERR_OK);
		assert_int_equal(store->ops->add(store, &flow, "https://a.example/", &keys, NULL),
				 ERR_OK);
		if (i == 0)
			first = flow;
	}
	make_flow("client3", 300, &keys);
	keys.client = 7;
	assert_int_equal(store->ops->check_limits(store, &keys), ERR_TOO_MANY_FLOWS);
	/* a begin that replaces one of them needs no more room */
	make_flow("client0", 300, &keys);
	keys.client = 7;
	assert_int_equal(store->ops->check_limits(store, &keys), ERR_OK);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "all%d", i);
		add_flow(name, 300);
	}
	make_flow("all5", 300, &keys);
	assert_int_equal(store->ops->check_limits(store, &keys), ERR_TOO_MANY_FLOWS);
	/* an ended flow counts no more */
	assert_int_equal(store->ops->supersede(store, first.id), ERR_OK);
	assert_int_equal(store->ops->check_limits(store, &keys), ERR_OK);
}

static void
many_flows_leave_a_few(void **state)
{
	char name[16];
	int kept = 0;

	(void)state;
	for (int i = 0; i < 500; i++) {
		struct flow flow;

		snprintf(name, sizeof(name), "many%d", i);
		flow = add_flow(name, 300);
		assert_int_equal(store->ops->supersede(store, flow.id), ERR_OK);
	}
	for (int i = 0; i < 500; i++) {
		char id[FLOW_ID_LEN + 1];
		struct snapshot snap;

		snprintf(name, sizeof(name), "many%d", i);
		flow_id(name, strlen(name), id);
		kept += store->ops->find(store, id, &snap) == ERR_OK;
	}
	assert_in_range(kept, 1, 4 * limits.max_pending);
}

static void
lists_are_newest_first(void **state)
{
	char id[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	struct store_keys keys;
	struct flow a = make_flow("a", 300, &keys), b, c;
	size_t count;

	(void)state;
	a.created -= 2;
	keys.browser = 1;
	keys.group = 2;
	assert_int_equal(store->ops->add(store, &a, "https://a.example/", &keys, NULL), ERR_OK);
	b = make_flow("b", 300, &keys);
	b.created -= 1;
	keys.browser = 1;
	keys.slot = 3;
	assert_int_equal(store->ops->add(store, &b, "https://a.example/", &keys, NULL), ERR_OK);
	c = add_flow("c", 300);
	assert_int_equal(store->ops->list_browser(store, 1, id, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(id[0], b.id);
	assert_string_equal(id[1], a.id);
	keys.group = 2;
	keys.slot = 3;
	assert_int_equal(store->ops->list_recent(store, &keys, 300, id, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(id[0], b.id);
	assert_string_equal(id[1], a.id);
	assert_int_equal(store->ops->list_recent(store, &keys, 2, id, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(store->ops->supersede(store, a.id), ERR_OK);
	assert_int_equal(store->ops->count_waiting(store, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(state_of(c.id, NULL), FLOW_WAITING);
}

static void
notes_are_shared_and_forgotten(void **state)
{
	char note[STORE_NOTE_MAX + 1];

	(void)state;
	assert_int_equal(store->ops->note_get(store, "x", 2, note), ERR_ABSENT);
	assert_int_equal(store->ops->note_set(store, "x", "up 1.2"), ERR_OK);
	assert_int_equal(store->ops->note_set(store, "x", "up 1.3"), ERR_OK);
	assert_int_equal(store->ops->note_get(store, "x", 60, note), ERR_OK);
	assert_string_equal(note, "up 1.3");
	assert_int_equal(store->ops->note_get(store, "x", 0, note), ERR_ABSENT);
}

static void
an_allowance_is_used_up(void **state)
{
	struct allowance a;

	(void)state;
	assert_int_equal(store->ops->consume(store, 1, 0, &a), ERR_OK);
	assert_int_equal(store->ops->consume(store, 1, 1, &a), ERR_OK);
	assert_int_equal(store->ops->consume(store, 1, 1, &a), ERR_OK);
	assert_int_equal(a.wait, 0);
	assert_int_equal(store->ops->consume(store, 1, 0, &a), ERR_RATE);
	assert_int_equal(store->ops->consume(store, 1, 1, &a), ERR_RATE);
	assert_in_range(a.wait, 59, 60);
	assert_true(a.first);
	assert_int_equal(store->ops->consume(store, 2, 1, &a), ERR_OK);
}

static void
a_lock_is_for_one_at_a_time(void **state)
{
	struct store_lock lock = STORE_LOCK_NONE, other = STORE_LOCK_NONE;
	struct store_keys keys;
	struct flow flow = make_flow("locked", 300, &keys);

	(void)state;
	assert_int_equal(store->ops->lock(store, keys.group, &lock), ERR_OK);
	assert_int_equal(store->ops->lock(store, keys.group + 1, &other), ERR_OK);
	store->ops->unlock(store, &other);
	assert_int_equal(store->ops->add(store, &flow, "https://a.example/", &keys, &lock), ERR_OK);
	store->ops->unlock(store, &lock);
	store->ops->unlock(store, &lock);
	assert_int_equal(store->ops->lock(store, keys.group, &lock), ERR_OK);
	assert_int_equal(store->ops->claim(store, flow.id, &lock), ERR_OK);
	store->ops->unlock(store, &lock);
}

struct turn {
	atomic_int inside;
	atomic_int most;
};

static void *
turn_taker(void *ctx)
{
	struct store_lock lock = STORE_LOCK_NONE;
	struct turn *turn = ctx;

	for (int i = 0; i < 8; i++) {
		if (store->ops->lock(store, 5, &lock) != ERR_OK)
			return NULL;
		if (atomic_fetch_add(&turn->inside, 1) != 0)
			atomic_fetch_add(&turn->most, 1);
		usleep(200);
		atomic_fetch_sub(&turn->inside, 1);
		store->ops->unlock(store, &lock);
	}
	return turn;
}

static void
turns_are_taken_in_a_group(void **state)
{
	struct turn turn = {.inside = 0};
	pthread_t thread[4];
	void *done;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, turn_taker, &turn), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &done);
		assert_non_null(done);
	}
	assert_int_equal(turn.most, 0);
}

/* From here on: the folder. */

static void
disk_use_is_bounded(void **state)
{
	struct dirent *entry;
	int files = 0;
	DIR *dir;

	many_flows_leave_a_few(state);
	dir = opendir(folder);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		files++;
	closedir(dir);
	/* at most 4 * max_pending flows of two files each */
	assert_in_range(files, 10, 4 * limits.max_pending * 2 + 6);
}

static void
path_of(char path[256], const char *id, const char *suffix)
{
	snprintf(path, 256, "%s/%s%s", folder, id, suffix);
}

static void
a_claim_of_a_dead_process_is_interrupted(void **state)
{
	struct flow flow = add_flow("dead", 300);
	char path[256], text[64];
	enum flow_reason reason;

	(void)state;
	path_of(path, flow.id, ".claim");
	snprintf(text, sizeof(text), "claim %lld",
		 (long long)(store->ops->now(store) - STORE_CLAIM_SECONDS - 1));
	assert_int_equal(symlink(text, path), 0);
	assert_int_equal(state_of(flow.id, &reason), FLOW_FAILED);
	assert_int_equal(reason, REASON_INTERRUPTED);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_TAKEN);
}

static void
damaged_records_are_unknown_flows(void **state)
{
	struct flow flow = add_flow("damaged", 300);
	struct snapshot snap;
	char path[256], text[FLOW_RECORD_MAX];
	ssize_t len;
	int fd;

	(void)state;
	path_of(path, flow.id, "");
	len = readlink(path, text, sizeof(text));
	assert_true(len > 40);
	/* as a file it is as good; cut, neither a file nor a link is */
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, text, (size_t)len), len);
	assert_int_equal(close(fd), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_OK);
	assert_int_equal(truncate(path, 40), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	assert_int_equal(unlink(path), 0);
	text[40] = '\0';
	assert_int_equal(symlink(text, path), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	memset(text, 'x', PRIVATE_DIR_TEXT_SIZE);
	text[PRIVATE_DIR_TEXT_SIZE] = '\0';
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(text, path), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
}

static void
a_folder_open_to_others_is_no_store(void **state)
{
	struct flow flow = add_flow("open", 300);
	struct snapshot snap;
	struct store_keys keys;
	char elsewhere[80];

	(void)state;
	make_flow("new", 300, &keys);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_STORE);
	assert_int_equal(store->ops->check_limits(store, &keys), ERR_STORE);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_STORE);
	assert_int_equal(chmod(folder, 0700), 0);
	snprintf(elsewhere, sizeof(elsewhere), "%s.gone", folder);
	assert_int_equal(rename(folder, elsewhere), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_STORE);
	assert_int_equal(symlink(elsewhere, folder), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_STORE);
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(elsewhere, folder), 0);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_OK);
}

static void
files_are_for_us_alone(void **state)
{
	struct store_keys keys;
	struct flow flow = make_flow("modes", 300, &keys);
	char path[256], url[2 * PRIVATE_DIR_TEXT_SIZE];
	struct stat st;

	(void)state;
	/* long enough to be files: nobody may enter the folder to read a link */
	memset(flow.directory, 'd', PRIVATE_DIR_TEXT_SIZE);
	memset(url, 'u', sizeof(url));
	url[sizeof(url) - 1] = '\0';
	assert_int_equal(store->ops->add(store, &flow, url, &keys, NULL), ERR_OK);
	path_of(path, flow.id, "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	path_of(path, flow.id, ".url");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* From here on: Redis. What it holds is looked at and changed by another user. */

static char *
key_of(const char *name, const char *id)
{
	static char key[80];

	snprintf(key, sizeof(key), "opencode-callback:{flows}:%s%s", name, id);
	return key;
}

static void
a_claim_of_a_dead_node_is_interrupted(void **state)
{
	struct flow flow = add_flow("dead", 300);
	enum flow_reason reason;
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "claim %lld",
		 (long long)(store->ops->now(store) - STORE_CLAIM_SECONDS - 1));
	redis_do("HSET", key_of("flow:", flow.id), "claim", text);
	assert_int_equal(state_of(flow.id, &reason), FLOW_FAILED);
	assert_int_equal(reason, REASON_INTERRUPTED);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_TAKEN);
}

static void
damaged_flows_are_unknown(void **state)
{
	struct flow flow = add_flow("damaged", 300);
	struct snapshot snap;

	(void)state;
	redis_do("HSET", key_of("flow:", flow.id), "record", "flow 1\nid=x\n");
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	redis_do("HSET", key_of("flow:", flow.id), "record", "");
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	redis_do("HDEL", key_of("flow:", flow.id), "record", NULL);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_UNKNOWN_FLOW);
	redis_do("SET", key_of("flow:", flow.id), "a string", NULL);
	assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_STORE);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_STORE);
}

/* Whoever holds a lock for longer than it lasts is too late. */
static void
a_lost_lock_stops_who_had_it(void **state)
{
	struct store_lock lock = STORE_LOCK_NONE, other = STORE_LOCK_NONE;
	struct store_keys keys;
	struct flow flow = make_flow("fenced", 300, &keys);
	char group[32];

	(void)state;
	snprintf(group, sizeof(group), "%016llx", (unsigned long long)keys.group);
	assert_int_equal(store->ops->lock(store, keys.group, &lock), ERR_OK);
	redis_do("DEL", key_of("lock:", group), NULL, NULL);
	assert_int_equal(store->ops->lock(store, keys.group, &other), ERR_OK);
	assert_int_equal(store->ops->add(store, &flow, "https://a.example/", &keys, &lock),
			 ERR_STORE);
	assert_int_equal(store->ops->add(store, &flow, "https://a.example/", &keys, &other),
			 ERR_OK);
	assert_int_equal(store->ops->claim(store, flow.id, &lock), ERR_STORE);
	assert_int_equal(state_of(flow.id, NULL), FLOW_WAITING);
	/* nor does it take the other's away */
	store->ops->unlock(store, &lock);
	assert_int_equal(store->ops->claim(store, flow.id, &other), ERR_OK);
	store->ops->unlock(store, &other);
}

static void
another_epoch_ends_what_waits(void **state)
{
	struct flow waits = add_flow("waits", 300), done = add_flow("done", 300), taken;
	enum flow_reason reason;

	(void)state;
	taken = add_flow("taken", 300);
	assert_int_equal(store->ops->claim(store, done.id, NULL), ERR_OK);
	assert_int_equal(store->ops->finish(store, done.id, FLOW_DONE, REASON_NONE), ERR_OK);
	assert_int_equal(store->ops->claim(store, taken.id, NULL), ERR_OK);
	redis_do("HSET", key_of("flow:", waits.id), "reign", "a:b");
	redis_do("HSET", key_of("flow:", done.id), "reign", "a:b");
	redis_do("HSET", key_of("flow:", taken.id), "reign", "a:b");
	assert_int_equal(state_of(waits.id, &reason), FLOW_FAILED);
	assert_int_equal(reason, REASON_INTERRUPTED);
	assert_int_equal(store->ops->claim(store, waits.id, NULL), ERR_TAKEN);
	assert_int_equal(store->ops->supersede(store, waits.id), ERR_TAKEN);
	assert_int_equal(store->ops->expire(store, waits.id), ERR_TAKEN);
	assert_int_equal(state_of(done.id, NULL), FLOW_DONE);
	/* how it went can still be written down */
	assert_int_equal(state_of(taken.id, NULL), FLOW_FAILED);
	assert_int_equal(store->ops->finish(store, taken.id, FLOW_DONE, REASON_NONE), ERR_OK);
	assert_int_equal(state_of(taken.id, NULL), FLOW_DONE);
}

static void
nobody_undoes_the_claim_of_another(void **state)
{
	struct flow flow = add_flow("owned", 300);
	struct store *other;

	(void)state;
	assert_int_equal(store_kind_open(redis_spec_text(), &limits, redis_login(), &other),
			 ERR_OK);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_OK);
	assert_int_equal(other->ops->release(other, flow.id), ERR_STORE);
	assert_int_equal(state_of(flow.id, NULL), FLOW_DELIVERING);
	assert_int_equal(store->ops->release(store, flow.id), ERR_OK);
	assert_int_equal(other->ops->claim(other, flow.id, NULL), ERR_OK);
	other->ops->close(other);
}

static void
a_late_claim_is_none(void **state)
{
	struct flow flow = add_flow("late", 1);
	struct snapshot snap;

	(void)state;
	do {
		usleep(50000);
		assert_int_equal(store->ops->find(store, flow.id, &snap), ERR_OK);
	} while (snap.now < flow.expires);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_TAKEN);
	assert_int_equal(state_of(flow.id, NULL), FLOW_EXPIRED);
}

static void
every_key_ends_by_itself(void **state)
{
	struct store_lock lock = STORE_LOCK_NONE;
	struct allowance a;
	struct flow flow = add_flow("ends", 300);

	(void)state;
	add_flow("ends too", 300);
	assert_int_equal(store->ops->lock(store, 1, &lock), ERR_OK);
	assert_int_equal(store->ops->consume(store, 1, 1, &a), ERR_OK);
	assert_int_equal(store->ops->note_set(store, "n", "text"), ERR_OK);
	assert_int_equal(store->ops->check_writable(store), ERR_OK);
	assert_int_equal(store->ops->supersede(store, flow.id), ERR_OK);
	assert_true(redis_count_keys() > 10);
	assert_int_equal(redis_count_lasting(), 0);
	store->ops->unlock(store, &lock);
}

static void
many_flows_leave_few_keys(void **state)
{
	many_flows_leave_a_few(state);
	/* each its hash and four lists of its own */
	assert_in_range(redis_count_keys(), 10, 4 * limits.max_pending * 7 + 10);
}

static void
a_script_that_redis_forgot_is_sent_again(void **state)
{
	struct flow flow = add_flow("forgot", 300);

	(void)state;
	redis_do("SCRIPT", "FLUSH", NULL, NULL);
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_OK);
	assert_int_equal(state_of(flow.id, NULL), FLOW_DELIVERING);
}

/* A connection that Redis has closed is no error. */
static void
a_closed_connection_is_made_anew(void **state)
{
	struct flow flow = add_flow("closed", 300);

	(void)state;
	redis_do("CLIENT", "KILL", "TYPE", "NORMAL");
	assert_int_equal(store->ops->claim(store, flow.id, NULL), ERR_OK);
}

static void
whoever_is_not_let_in_has_no_store(void **state)
{
	struct store_login login = *redis_login();
	struct store *other;
	struct snapshot snap;
	struct store_lock lock = STORE_LOCK_NONE;

	(void)state;
	login.username = "nobody";
	assert_int_equal(store_kind_open(redis_spec_text(), &limits, &login, &other), ERR_OK);
	assert_int_equal(other->ops->find(other, "AAAAAAAAAAAAAAAAAAAAAA", &snap), ERR_STORE);
	assert_int_equal(other->ops->lock(other, 1, &lock), ERR_STORE);
	assert_int_equal(other->ops->check_writable(other), ERR_STORE);
	/* on a clock that was never heard, everything is over */
	assert_true(other->ops->now(other) > INT64_C(1) << 60);
	other->ops->close(other);
	login.password_file = "/nonexistent";
	assert_int_equal(store_kind_open(redis_spec_text(), &limits, &login, &other), ERR_OK);
	assert_int_equal(other->ops->check_writable(other), ERR_STORE);
	other->ops->close(other);
}

#define CONFORMANCE(open, close) \
	TEST_OF(a_record_comes_back_whole, open, close), \
	    TEST_OF(texts_of_any_length_come_back_whole, open, close), \
	    TEST_OF(a_flow_is_never_overwritten, open, close), \
	    TEST_OF(binding_happens_once, open, close), \
	    TEST_OF(of_many_claims_one_wins, open, close), \
	    TEST_OF(a_claim_runs_to_one_end, open, close), \
	    TEST_OF(a_released_claim_leaves_the_flow_waiting, open, close), \
	    TEST_OF(time_runs_out, open, close), \
	    TEST_OF(limits_hold_for_all_and_for_each, open, close), \
	    TEST_OF(many_flows_leave_a_few, open, close), \
	    TEST_OF(lists_are_newest_first, open, close), \
	    TEST_OF(notes_are_shared_and_forgotten, open, close), \
	    TEST_OF(an_allowance_is_used_up, open, close), \
	    TEST_OF(a_lock_is_for_one_at_a_time, open, close), \
	    TEST_OF(turns_are_taken_in_a_group, open, close)
#define TEST_OF(f, open, close) cmocka_unit_test_setup_teardown(f, open, close)
#define FOLDER_TEST(f)		TEST_OF(f, open_folder, close_folder)
#define REDIS_TEST(f)		TEST_OF(f, open_redis, close_redis)

int
main(void)
{
	const struct CMUnitTest folder_tests[] = {
	    CONFORMANCE(open_folder, close_folder),
	    FOLDER_TEST(disk_use_is_bounded),
	    FOLDER_TEST(a_claim_of_a_dead_process_is_interrupted),
	    FOLDER_TEST(damaged_records_are_unknown_flows),
	    FOLDER_TEST(a_folder_open_to_others_is_no_store),
	    FOLDER_TEST(files_are_for_us_alone),
	};
	const struct CMUnitTest redis_tests[] = {
	    CONFORMANCE(open_redis, close_redis),
	    REDIS_TEST(a_claim_of_a_dead_node_is_interrupted),
	    REDIS_TEST(damaged_flows_are_unknown),
	    REDIS_TEST(a_lost_lock_stops_who_had_it),
	    REDIS_TEST(another_epoch_ends_what_waits),
	    REDIS_TEST(nobody_undoes_the_claim_of_another),
	    REDIS_TEST(a_late_claim_is_none),
	    REDIS_TEST(every_key_ends_by_itself),
	    REDIS_TEST(many_flows_leave_few_keys),
	    REDIS_TEST(a_script_that_redis_forgot_is_sent_again),
	    REDIS_TEST(a_closed_connection_is_made_anew),
	    REDIS_TEST(whoever_is_not_let_in_has_no_store),
	};
	int failed;

	if (secret_init() != ERR_OK)
		return 1;
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	failed = cmocka_run_group_tests(folder_tests, NULL, NULL);
	if (!redis_there()) {
		fputs("skipped: there is no redis-server\n", stderr);
		return failed;
	}
	return failed + cmocka_run_group_tests(redis_tests, redis_start, redis_stop);
}
