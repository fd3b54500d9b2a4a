/*
 * What comes to a relay. The input is the query, and behind its first line end, if there is one,
 * EXPIRY '.' INNER: each '@' of the query then stands for a state with these two that alice has
 * wrapped. What is passed on goes to the site's own target, with every other parameter as it came;
 * what is refused goes nowhere.
 */
#include <stdlib.h>
#include <string.h>

#include "config/config_load.h"
#include "flow/relay_state.h"
#include "fuzz.h"
#include "http/query.h"
#include "route/app.h"

#define ALICE	"https://alice.example.com/auth/callback"
#define BOB	"https://bob.example.com/callback"
#define KEY	"0123456789abcdef0123456789abcdef"
#define OLD_KEY "fedcba9876543210fedcba9876543210"

static struct config config; /* too large for the stack */
static struct relay_key key, old_key;

static void
site(struct buf *ini, const char *id, const char *target)
{
	char path[FUZZ_PATH_MAX];

	fuzz_path(path, "key");
	buf_printf(ini, "[relay-site %s]\ntarget = %s\nkey_file = %s\n", id, target, path);
	fuzz_path(path, "old");
	buf_printf(ini, "previous_key_file = %s\n", path);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[FUZZ_PATH_MAX], message[CONFIG_MESSAGE_MAX];
	struct config_source source = {.file = path};
	struct buf ini;

	(void)argc;
	(void)argv;
	fuzz_init();
	fuzz_file("key", KEY "\n", sizeof(KEY));
	fuzz_file("old", OLD_KEY, sizeof(OLD_KEY) - 1);
	secret_mac_key(KEY, sizeof(KEY) - 1, key.bytes);
	secret_mac_key(OLD_KEY, sizeof(OLD_KEY) - 1, old_key.bytes);
	buf_init(&ini, CONFIG_FILE_MAX);
	fuzz_path(path, "store");
	buf_printf(&ini, "[flow]\nstore = dir:%s\n[limit]\nrate = 60000/min\nburst = 1000000\n",
		   path);
	site(&ini, "alice", ALICE);
	site(&ini, "bob", BOB);
	fuzz_file("ini", buf_text(&ini), ini.len);
	buf_free(&ini);
	fuzz_path(path, "ini");
	CHECK_TEXT(config_load(&config, &source, message) == ERR_OK, message);
	return 0;
}

/* The query that an input stands for, for free(). */
static char *
make_query(const uint8_t *data, size_t size)
{
	struct piece rest = {(const char *)data, size}, query, expiry;
	char inner[RELAY_STATE_MAX + 1] = "", mac[SECRET_MAC_LEN + 1];
	struct buf state, out;
	char *text;

	buf_init(&state, FUZZ_INPUT_MAX);
	buf_init(&out, 16 * FUZZ_INPUT_MAX);
	if (!piece_next(&rest, "\n", &query))
		query = (struct piece){"", 0};
	if (piece_next(&rest, ".", &expiry) && rest.data != NULL &&
	    secret_base64url(rest.data, rest.len, inner, sizeof(inner))) {
		buf_puts(&state, "v1.alice.");
		buf_add(&state, expiry.data, expiry.len);
		buf_printf(&state, ".%s", inner);
		secret_mac(size % 2 == 0 ? key.bytes : old_key.bytes, buf_text(&state), state.len,
			   mac);
		buf_printf(&state, ".%s", mac);
	}
	for (size_t i = 0; i < query.len; i++)
		if (query.data[i] == '@' && state.len > 0)
			buf_add(&out, buf_text(&state), state.len);
		else
			buf_putc(&out, query.data[i]);
	text = fuzz_string(buf_text(&out), out.len);
	buf_free(&state);
	buf_free(&out);
	return text;
}

/* What the relay should make of a query: the target; NULL: nothing. inner: the state to put there.
 */
static const char *
expected(const char *raw, char inner[RELAY_INNER_MAX + 1])
{
	struct relay_state s;
	struct query q;
	const char *state, *target = NULL;

	if (strlen(raw) <= QUERY_MAX && query_parse(&q, raw, strlen(raw), QUERY_STRING) == ERR_OK) {
		state = query_get(&q, "state");
		if (state != NULL && relay_state_read(state, &s) &&
		    (relay_state_proved(&s, &key) || relay_state_proved(&s, &old_key)) &&
		    relay_state_open(&s, fuzz_now(), inner) == ERR_OK)
			target = strcmp(s.id, "alice") == 0 ? ALICE
				 : strcmp(s.id, "bob") == 0 ? BOB
							    : NULL;
		query_free(&q);
	}
	return target;
}

/* The same parameters, but the state. */
static void
check_query(const char *raw, const char *passed, const char *inner)
{
	struct query before, after;

	CHECK(query_parse(&before, raw, strlen(raw), QUERY_STRING) == ERR_OK);
	CHECK_TEXT(query_parse(&after, passed, strlen(passed), QUERY_STRING) == ERR_OK, passed);
	CHECK(before.count == after.count);
	for (size_t i = 0; i < before.count; i++) {
		const char *name = before.param[i].name;

		CHECK(strcmp(name, after.param[i].name) == 0);
		CHECK_TEXT(strcmp(after.param[i].value,
				  strcmp(name, "state") == 0 ? inner : before.param[i].value) == 0,
			   passed);
	}
	query_free(&before);
	query_free(&after);
}

static void
check_answer(const char *raw, const struct response *r)
{
	char inner[RELAY_INNER_MAX + 1];
	const char *target = expected(raw, inner), *head = buf_text(&r->head);
	const char *location = strstr(head, "Location: ");
	char *line;

	CHECK_TEXT((r->status == 303) == (target != NULL), raw);
	CHECK_TEXT((location != NULL) == (target != NULL), head);
	CHECK(r->status == 303 || r->status == 400 || r->status == 414);
	CHECK(r->status == 303 || strstr(buf_text(&r->body), "data-problem=") != NULL);
	if (location == NULL)
		return;
	CHECK(location == head && strstr(head + 1, "Location: ") == NULL);
	location += strlen("Location: ");
	line = fuzz_string(location, strcspn(location, "\r\n"));
	for (const char *p = line; *p != '\0'; p++)
		CHECK(*p > ' ' && *p < 0x7f);
	CHECK_TEXT(strncmp(line, target, strlen(target)) == 0 && line[strlen(target)] == '?', line);
	check_query(raw, line + strlen(target) + 1, inner);
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request request = {.method = "GET",
				  .path = RELAY_PATH,
				  .mount = "",
				  .remote_addr = "192.0.2.1",
				  .host = "relay.example.com",
				  .content_length = -1};
	struct response response;
	struct app *app;
	char *query;

	if (size > FUZZ_INPUT_MAX)
		return -1;
	fuzz_reset();
	query = make_query(data, size);
	request.query = query;
	CHECK(app_open(&app, &config, 1) == ERR_OK);
	response_init(&response);
	app_handle(app, &request, &response);
	check_answer(query, &response);
	/* a code is in no log */
	CHECK(strstr(fuzz_log(), "code=") == NULL);
	response_free(&response);
	app_close(app);
	free(query);
	return 0;
}
