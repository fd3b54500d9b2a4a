/*
 * A query or form, and what the callback makes of it. The input is the query.
 * What is accepted is what a simple decoder reads, within its limits, and means
 * the same when it is encoded anew; what is refused leaves nothing behind.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/query.h"
#include "signin/authorization_response.h"
#include "util/secret.h"
#include "util/utf8.h"

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = c == '\0' ? NULL : strchr(digits, c);

	return found == NULL ? -1 : (int)((found - digits) % 16);
}

/* Decodes without judging. The count of bytes, which may hold NUL. */
static size_t
decode(const char *raw, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (raw[i] == '%' && len - i > 2 && hex(raw[i + 1]) >= 0 && hex(raw[i + 2]) >= 0) {
			out[n++] = (char)(hex(raw[i + 1]) << 4 | hex(raw[i + 2]));
			i += 2;
		} else {
			out[n++] = raw[i] == '+' ? ' ' : raw[i];
		}
	}
	return n;
}

static void
check_value(const char *text, const char *raw, size_t len, enum query_kind kind)
{
	static char own[FUZZ_INPUT_MAX];
	size_t want = decode(raw, len, own),
	       max = kind == QUERY_FORM ? FORM_VALUE_MAX : QUERY_VALUE_MAX;

	CHECK(strlen(text) == want && memcmp(text, own, want) == 0);
	CHECK(want <= max && utf8_valid(text, want));
	for (const char *p = text; *p != '\0'; p++)
		CHECK((unsigned char)*p >= ' '
			  ? *p != 0x7f
			  : kind == QUERY_FORM && strchr("\t\r\n", *p) != NULL);
}

/* Each parameter is one of the pieces between the '&', in their order. */
static void
check_params(const struct query *q, const char *raw, size_t len, enum query_kind kind)
{
	struct piece rest = {raw, len}, pair;
	size_t i = 0;

	while (piece_next(&rest, "&", &pair)) {
		const char *eq = memchr(pair.data, '=', pair.len);
		size_t name_len = eq == NULL ? pair.len : (size_t)(eq - pair.data);

		if (pair.len == 0)
			continue;
		CHECK(i < q->count && name_len > 0);
		check_value(q->param[i].name, pair.data, name_len, kind);
		check_value(q->param[i].value, eq == NULL ? "" : eq + 1,
			    eq == NULL ? 0 : pair.len - name_len - 1, kind);
		CHECK(query_get(q, q->param[i].name) == q->param[i].value);
		i++;
	}
	CHECK(i == q->count && i <= QUERY_PARAMS_MAX);
}

static void
encode(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		buf_printf(out, "%%%02X", (unsigned char)*text);
}

static void
check_again(const struct query *q, enum query_kind kind)
{
	struct query again;
	struct buf raw;

	buf_init(&raw, FUZZ_INPUT_MAX * 4);
	for (size_t i = 0; i < q->count; i++) {
		buf_puts(&raw, i == 0 ? "" : "&");
		encode(&raw, q->param[i].name);
		buf_putc(&raw, '=');
		encode(&raw, q->param[i].value);
	}
	CHECK(query_parse(&again, buf_text(&raw), raw.len, kind) == ERR_OK);
	CHECK(again.count == q->count);
	for (size_t i = 0; i < q->count; i++)
		CHECK(strcmp(again.param[i].name, q->param[i].name) == 0 &&
		      strcmp(again.param[i].value, q->param[i].value) == 0);
	query_free(&again);
	buf_free(&raw);
}

static void
try_parse(const char *raw, size_t len, enum query_kind kind)
{
	struct query q;

	if (query_parse(&q, raw, len, kind) == ERR_OK) {
		check_params(&q, raw, len, kind);
		check_again(&q, kind);
	} else {
		CHECK(q.count == 0 && q.storage == NULL);
	}
	query_free(&q);
}

static void
try_copy(const char *raw)
{
	static const char *const names[] = {"directory", "auth_token", "location%5Bworkspace%5D"};
	char out[64] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (query_copy_raw(raw, names[i], out, sizeof(out)) &&
		    strstr(out, names[i]) != NULL)
			CHECK(strchr(out, '&') != NULL || strstr(raw, out) != NULL);
	CHECK(strlen(out) < sizeof(out));
}

static void
try_callback(const char *raw, const struct flow *flow)
{
	bool token = flow != NULL && flow->response_type == RESPONSE_TYPE_TOKEN;
	const char *state, *answer;
	struct authorization_response cb;
	char id[FLOW_ID_LEN + 1];

	if (authorization_response_read(&cb, raw, flow) == ERR_OK) {
		CHECK(strlen(raw) <= QUERY_MAX && cb.raw == raw);
		state = query_get(&cb.query, "state");
		answer = query_get(&cb.query, token ? "access_token" : "code");
		CHECK(cb.declined == (query_get(&cb.query, "error") != NULL));
		CHECK(cb.declined != (answer != NULL && answer[0] != '\0'));
		if (flow == NULL || !flow->stateless) {
			CHECK(state != NULL && state[0] != '\0');
			flow_id(state, strlen(state), id);
			CHECK(strcmp(id, cb.id) == 0);
		} else {
			CHECK(strcmp(flow->id, cb.id) == 0);
		}
	}
	authorization_response_free(&cb);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct flow token = {.response_type = RESPONSE_TYPE_TOKEN},
				 stateless = {.stateless = true, .id = "Zm9vYmFyYmF6cXV4MTIzNA"};
	char *text;

	if (size > FUZZ_INPUT_MAX)
		return -1;
	fuzz_reset();
	try_parse((const char *)data, size, QUERY_STRING);
	try_parse((const char *)data, size, QUERY_FORM);
	text = fuzz_string(data, size);
	try_copy(text);
	try_callback(text, NULL);
	try_callback(text, &token);
	try_callback(text, &stateless);
	free(text);
	return 0;
}
