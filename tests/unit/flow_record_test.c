#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow_record.h"

static const struct flow whole = {
    .id = "Zm9vYmFyYmF6cXV4MTIzNA",
    .opencode = "work",
    .kind = KIND_INTEGRATION,
    .response_type = RESPONSE_TYPE_CODE,
    .direct = true,
    .provider = "mcp_0123456789abcdef",
    .method = -1,
    .method_id = "mcp_0123456789abcdef",
    .from_here = true,
    .attempt = "con_1",
    .redirect_host = "127.0.0.1:40001",
    .redirect_port = 40001,
    .redirect_path = "/mcp/oauth/callback",
    .authorize_origin = "https://auth.example.com",
    .directory = "%2Fsrv",
    .query = "location%5Bdirectory%5D=%2Fsrv",
    .authenticated = true,
    .bound = true,
    .browser = "0123456789012345678901234567890123456789012",
    .client_address = "192.0.2.1",
    .created = 1000,
    .expires = 1600,
    .mcp = true,
    .label = "issue tracker, 100%\n\xc3\xa9",
};

static void
write_record(const struct flow *flow, struct buf *out)
{
	buf_init(out, FLOW_RECORD_MAX);
	assert_int_equal(flow_record_write(flow, out), ERR_OK);
}

static bool
read_record(const char *text, struct flow *out)
{
	return flow_record_read(text, strlen(text), out) == ERR_OK;
}

/* Both flows have the same record. */
static void
assert_same(const struct flow *got, const struct flow *want)
{
	struct buf a, b;

	write_record(got, &a);
	write_record(want, &b);
	assert_string_equal(buf_text(&a), buf_text(&b));
	buf_free(&a);
	buf_free(&b);
}

static void
a_record_is_read_as_it_was_written(void **state)
{
	struct flow read;
	struct buf text;

	(void)state;
	write_record(&whole, &text);
	assert_true(read_record(buf_text(&text), &read));
	assert_same(&read, &whole);
	assert_string_equal(read.label, whole.label);
	buf_free(&text);
}

/* Ends a record before the row of that name. */
static void
cut(struct buf *text, const char *row)
{
	char *found = strstr(text->data, row);

	assert_non_null(found);
	text->len = (size_t)(found - text->data);
	*found = '\0';
}

static void
a_record_of_an_older_version_lacks_its_last_rows(void **state)
{
	(void)state;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct flow flow = whole, read;
		struct buf text;

		flow.kind = (enum flow_kind)kind;
		write_record(&flow, &text);
		cut(&text, "mcp=");
		assert_true(read_record(buf_text(&text), &read));
		flow.mcp = kind == KIND_MCP;
		flow.label[0] = '\0';
		assert_same(&read, &flow);
		buf_free(&text);
	}
}

static void
of_an_older_version_a_server_has_its_decoded_name(void **state)
{
	struct flow flow = {.kind = KIND_MCP, .provider = "issue%20tracker", .method = -1}, read;
	char label[FLOW_NAME_MAX + 1];
	struct buf text;

	(void)state;
	memcpy(flow.id, whole.id, sizeof(flow.id));
	write_record(&flow, &text);
	cut(&text, "mcp=");
	assert_true(read_record(buf_text(&text), &read));
	flow_label(&read, label);
	assert_string_equal(label, "issue tracker");
	buf_free(&text);
}

static void
no_other_row_may_be_missing(void **state)
{
	static const char *const rows[] = {
	    "id=", "kind=", "attempt=", "browser=", "created=", "expires=", "label="};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow read;
		struct buf text;

		write_record(&whole, &text);
		cut(&text, rows[i]);
		assert_false(read_record(buf_text(&text), &read));
		buf_free(&text);
	}
}

static void
what_is_no_record_is_refused(void **state)
{
	static const struct {
		const char *from; /* a piece of a good record */
		const char *to;
	} rows[] = {
	    {"flow 1\n", "flow 2\n"},
	    {"mcp=1", "mcp=2"},
	    {"mcp=1", "mcp="},
	    {"mcp=1", "mcp=01x"},
	    {"mcp=1\n", "mcp=1"},
	    {"mcp=1\nlabel=", "label="},
	    {"label=issue", "label=%zz"},
	    {"label=issue", "label=%00"},
	    {"label=issue", "label=\xff"},
	    {"label=issue", "lable=issue"},
	    {"%0A", "\n"},
	    {"kind=integration", "kind=x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct flow read;
		struct buf good, text;
		const char *found;

		write_record(&whole, &good);
		buf_init(&text, FLOW_RECORD_MAX);
		found = strstr(buf_text(&good), rows[i].from);
		assert_non_null(found);
		buf_add(&text, buf_text(&good), (size_t)(found - buf_text(&good)));
		buf_puts(&text, rows[i].to);
		buf_puts(&text, found + strlen(rows[i].from));
		if (read_record(buf_text(&text), &read))
			fail_msg("'%s' in place of '%s' was read", rows[i].to, rows[i].from);
		buf_free(&good);
		buf_free(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_read_as_it_was_written),
	    cmocka_unit_test(a_record_of_an_older_version_lacks_its_last_rows),
	    cmocka_unit_test(of_an_older_version_a_server_has_its_decoded_name),
	    cmocka_unit_test(no_other_row_may_be_missing),
	    cmocka_unit_test(what_is_no_record_is_refused),
	};

	return cmocka_run_group_tests_name("flow_record", tests, NULL, NULL);
}
