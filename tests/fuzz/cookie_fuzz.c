/*
 * The Cookie header, which is the input. A browser is known only by one
 * well-formed token under the one name, and opencode gets its own cookies as
 * they came, and no others.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http/cookie.h"
#include "http/request.h"
#include "util/secret.h"

static const char *const names[] = {"opencode-callback", "__Host-opencode-callback"};

/* The next cookie that is not empty, blanks around it left out. */
static bool
model_next(struct piece *rest, struct piece *out)
{
	while (piece_next(rest, ";", out)) {
		while (out->len > 0 && strchr(" \t", out->data[0]) != NULL) {
			out->data++;
			out->len--;
		}
		while (out->len > 0 && strchr(" \t", out->data[out->len - 1]) != NULL)
			out->len--;
		if (out->len > 0)
			return true;
	}
	return false;
}

/* Whether a cookie has this name; its value then. */
static bool
cookie_named(const struct piece *cookie, const char *name, struct piece *value)
{
	size_t len = strlen(name);

	if (cookie->len < len || memcmp(cookie->data, name, len) != 0)
		return false;
	*value = (struct piece){cookie->data + len, cookie->len - len};
	if (value->len == 0)
		return true;
	if (value->data[0] != '=')
		return false;
	value->data++;
	value->len--;
	return true;
}

static bool
is_token(const struct piece *value)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_";

	for (size_t i = 0; i < value->len; i++)
		if (memchr(bytes, value->data[i], sizeof(bytes) - 1) == NULL)
			return false;
	return value->len == 43;
}

static void
check_browser(const char *header, bool secure)
{
	struct piece rest = {header, strlen(header)}, cookie, value = {NULL, 0}, one;
	char browser[44], want[44] = "";
	int ours = 0;

	cookie_browser(header, secure, browser);
	while (model_next(&rest, &cookie)) {
		if (cookie_named(&cookie, names[secure ? 1 : 0], &one)) {
			value = one;
			ours++;
		}
	}
	if (ours == 1 && is_token(&value))
		secret_hash(value.data, value.len, want);
	CHECK_TEXT(strcmp(browser, want) == 0, header);
}

static bool
is_session(const struct piece *cookie)
{
	static const char name[] = "opencode_session";
	const size_t len = sizeof(name) - 1;

	return cookie->len >= len && memcmp(cookie->data, name, len) == 0 &&
	       (cookie->len == len || cookie->data[len] == '=' || cookie->data[len] == '_');
}

static void
check_session(const char *header)
{
	struct piece before = {header, strlen(header)}, after, a, b;
	struct buf out;

	buf_init(&out, 2 * COOKIE_HEADER_MAX);
	CHECK(cookie_session(header, &out) == ERR_OK);
	CHECK(cookie_has_session(header) == (out.len > 0 && out.len <= COOKIE_SESSION_MAX));
	after = (struct piece){buf_text(&out), out.len};
	while (model_next(&before, &a)) {
		if (!is_session(&a))
			continue;
		CHECK(model_next(&after, &b) && a.len == b.len);
		CHECK(memcmp(a.data, b.data, a.len) == 0);
	}
	CHECK(!model_next(&after, &b));
	buf_free(&out);
}

/* What we offer is what we know again. */
static void
check_offer(const char *header, bool secure)
{
	char offered[44], known[44], *line;
	struct response response;

	response_init(&response);
	cookie_offer(&response, secure, offered);
	line = fuzz_string(buf_text(&response.head), response.head.len);
	line[strcspn(line, "\r")] = '\0';
	CHECK(strncmp(line, "Set-Cookie: ", 12) == 0);
	check_browser(line + 12, secure);
	cookie_browser(line + 12, secure, known);
	CHECK(strcmp(known, offered) == 0);
	if (header[0] != '\0')
		CHECK(strstr(header, strchr(line, '=')) == NULL);
	free(line);
	response_free(&response);
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
	char *header;

	if (size > COOKIE_HEADER_MAX)
		return -1;
	fuzz_reset();
	header = fuzz_string(data, size);
	check_browser(header, false);
	check_browser(header, true);
	check_session(header);
	check_offer(header, size % 2 == 0);
	free(header);
	return 0;
}
