/*
 * The files of a store, as somebody else may have left them: the parts of the
 * input, with lines "==" between, become a flow's record, its authorize URL, the texts
 * of its links (browser, claim, end), a note and the index. Then every operation
 * is tried. What cannot be read is no flow; what can is within its ranges, and
 * written down again it reads back to the same.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "flow/flow_record.h"
#include "fuzz.h"
#include "store/store_kind.h"

#define ID	  "AAAAAAAAAAAAAAAAAAAAAA"
#define OTHER	  "BBBBBBBBBBBBBBBBBBBBBB"
#define PARTS_MAX 7
#define LINK_MAX  400

static struct store *store;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct store_limits limits = {
	    .max_pending = 40, .max_pending_per_client = 20, .rate = 60, .burst = 30};
	char path[FUZZ_PATH_MAX], spec[FUZZ_PATH_MAX + 4];

	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_path(path, "store");
	CHECK(mkdir(path, 0700) == 0);
	snprintf(spec, sizeof(spec), "dir:%s", path);
	CHECK(store_kind_open(spec, &limits, NULL, &store) == ERR_OK);
	return 0;
}

/* Every text ends within its place, for the next one begins behind it. */
static void
check_texts(const struct flow *flow)
{
	CHECK(strlen(flow->id) <= FLOW_ID_LEN && strlen(flow->browser) <= BROWSER_ID_LEN);
	CHECK(strlen(flow->opencode) <= FLOW_NAME_MAX && strlen(flow->provider) <= FLOW_NAME_MAX);
	CHECK(strlen(flow->method_id) <= FLOW_ATTEMPT_MAX);
	CHECK(strlen(flow->attempt) <= FLOW_ATTEMPT_MAX);
	CHECK(strlen(flow->redirect_host) < sizeof(flow->redirect_host));
	CHECK(strlen(flow->redirect_path) <= FLOW_PATH_MAX);
	CHECK(strlen(flow->authorize_origin) <= FLOW_ORIGIN_MAX);
	CHECK(strlen(flow->directory) <= FLOW_DIRECTORY_MAX);
	CHECK(strlen(flow->workspace) <= FLOW_WORKSPACE_MAX);
	CHECK(strlen(flow->query) <= FLOW_DIRECTORY_MAX);
	CHECK(strlen(flow->client_address) <= FLOW_CLIENT_ADDRESS_MAX);
}

static void
check_record(const struct piece *text)
{
	struct flow flow, again;
	struct buf first, second;

	if (flow_record_read(text->data, text->len, &flow) != ERR_OK)
		return;
	check_texts(&flow);
	buf_init(&first, FLOW_RECORD_MAX * 8);
	buf_init(&second, FLOW_RECORD_MAX * 8);
	CHECK(flow_record_write(&flow, &first) == ERR_OK);
	CHECK(flow_record_read(buf_text(&first), first.len, &again) == ERR_OK);
	CHECK(flow_record_write(&again, &second) == ERR_OK);
	CHECK_TEXT(strcmp(buf_text(&first), buf_text(&second)) == 0, buf_text(&first));
	buf_free(&first);
	buf_free(&second);
}

static void
check_snapshot(const struct snapshot *snap)
{
	CHECK(strcmp(snap->flow.id, ID) == 0);
	CHECK((int)snap->state >= 0 && snap->state < FLOW_STATE_COUNT);
	CHECK((int)snap->reason >= 0 && snap->reason < REASON_COUNT);
	CHECK((int)snap->flow.kind >= 0 && snap->flow.kind < KIND_COUNT);
	CHECK((int)snap->flow.response_type >= 0 && snap->flow.response_type < RESPONSE_TYPE_COUNT);
	CHECK(memchr(snap->browser, '\0', sizeof(snap->browser)) != NULL);
	if (snap->state == FLOW_WAITING)
		CHECK(!snap->ended && !snap->expired && snap->flow.expires > FUZZ_NOW);
}

static void
put_files(const struct piece part[PARTS_MAX])
{
	static const char *const names[PARTS_MAX] = {
	    "store/" ID,	"store/" ID ".url",   "store/" ID ".browser", "store/" ID ".claim",
	    "store/" ID ".end", "store/note-health-", "store/index"};

	for (size_t i = 0; i < PARTS_MAX; i++) {
		bool link = i >= 2 && i <= 5;
		char text[LINK_MAX + 1];

		if (part[i].data == NULL || (link && part[i].len == 0))
			continue;
		if (!link) {
			fuzz_file(names[i], part[i].data, part[i].len);
		} else if (part[i].len <= LINK_MAX &&
			   memchr(part[i].data, '\0', part[i].len) == NULL) {
			memcpy(text, part[i].data, part[i].len);
			text[part[i].len] = '\0';
			fuzz_link(names[i], text);
		}
	}
}

/* Of claim, supersede and expire one wins, and only of a flow that nobody had taken. */
static void
take(const struct snapshot *snap, bool found)
{
	enum err err = store->ops->claim(store, ID, NULL);

	if (found && snap->state == FLOW_WAITING)
		CHECK(err == ERR_OK);
	CHECK(err == ERR_OK || err == ERR_TAKEN);
	CHECK(store->ops->supersede(store, ID) == ERR_TAKEN);
	CHECK(store->ops->expire(store, ID) == ERR_TAKEN);
	if (err == ERR_OK) {
		err = store->ops->finish(store, ID, FLOW_DONE, REASON_NONE);
		CHECK(err == ERR_OK || err == ERR_TAKEN);
	}
	CHECK(store->ops->finish(store, ID, FLOW_FAILED, REASON_TIMEOUT) != ERR_STORE);
}

static void
list(void)
{
	char ids[STORE_LIST_MAX][FLOW_ID_LEN + 1];
	struct store_keys keys = {.group = 1};
	size_t count = 0;

	CHECK(store->ops->list_recent(store, &keys, 300, ids, &count) == ERR_OK);
	CHECK(count <= STORE_LIST_MAX);
	for (size_t i = 0; i < count; i++)
		CHECK(flow_id_valid(ids[i]));
	CHECK(store->ops->list_browser(store, 0, ids, &count) == ERR_OK);
	CHECK(count <= STORE_LIST_MAX);
	for (size_t i = 0; i < count; i++)
		CHECK(flow_id_valid(ids[i]));
	CHECK(store->ops->count_waiting(store, &count) == ERR_OK);
}

/* Whatever there is, a new flow is recorded and found, unless the index is full. */
static void
add(void)
{
	struct flow flow = {
	    .id = OTHER, .created = FUZZ_NOW, .expires = FUZZ_NOW + 300, .redirect_path = "/x"};
	struct store_keys keys = {.group = 2, .client = 3};
	struct snapshot snap;
	enum err err = store->ops->check_limits(store, &keys);

	CHECK(err == ERR_OK || err == ERR_TOO_MANY_FLOWS);
	if (err != ERR_OK)
		return;
	err = store->ops->add(store, &flow, "https://auth.example.com/", &keys, NULL);
	CHECK(err == ERR_OK || err == ERR_TAKEN || err == ERR_STORE);
	if (err == ERR_OK)
		CHECK(store->ops->find(store, OTHER, &snap) == ERR_OK &&
		      snap.state == FLOW_WAITING);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct piece rest = {(const char *)data, size}, part[PARTS_MAX] = {{NULL, 0}};
	char note[STORE_NOTE_MAX + 1] = "";
	struct snapshot snap;
	struct buf url;
	enum err err;
	bool found;

	if (size > FUZZ_INPUT_MAX)
		return -1;
	fuzz_reset();
	fuzz_empty("store");
	for (size_t i = 0; i < PARTS_MAX && piece_next(&rest, "\n==\n", &part[i]); i++)
		continue;
	if (part[0].data != NULL)
		check_record(&part[0]);
	put_files(part);

	err = store->ops->find(store, ID, &snap);
	CHECK(err == ERR_OK || err == ERR_UNKNOWN_FLOW);
	found = err == ERR_OK;
	if (found)
		check_snapshot(&snap);
	buf_init(&url, FLOW_URL_MAX);
	err = store->ops->authorize_url(store, ID, &url);
	CHECK(err == ERR_OK || err == ERR_UNKNOWN_FLOW);
	buf_free(&url);
	err = store->ops->note_get(store, "health-", 2, note);
	CHECK(err == ERR_OK || err == ERR_ABSENT);
	CHECK(strlen(note) <= STORE_NOTE_MAX);
	CHECK(store->ops->note_set(store, "health-", "up 1") == ERR_OK);
	CHECK(store->ops->note_get(store, "health-", 2, note) == ERR_OK);
	CHECK(strcmp(note, "up 1") == 0);
	list();
	add();
	list();
	take(&snap, found);
	if (store->ops->find(store, ID, &snap) == ERR_OK) {
		check_snapshot(&snap);
		CHECK(snap.state != FLOW_WAITING);
	}
	return 0;
}
