#include "opencode/call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/blocking.h"
#include "util/curl_lib.h"
#include "util/log.h"
#include "util/secret.h"

#define STEP_MS 100 /* at most, between two looks at a call that is on its way */

struct transfer {
	const struct call *call;
	struct call_reply *reply;
	enum err err; /* why we stopped it ourselves */
};

void
call_header(struct call *call, const char *name, const char *value)
{
	if (value == NULL || call->header_count == CALL_HEADERS_MAX)
		return;
	call->header[call->header_count++] = (struct header){name, value};
}

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	struct buf *body = &t->reply->body;
	size_t len = size * count;

	if (t->call->tail && body->len + len > CALL_BODY_MAX) {
		/* a block of libcurl's is at most CURL_MAX_WRITE_SIZE, well below the half that
		 * stays */
		size_t keep = CALL_BODY_MAX / 2 < body->len ? CALL_BODY_MAX / 2 : body->len;

		memmove(body->data, body->data + body->len - keep, keep);
		body->len = keep;
	}
	if (buf_add(body, data, len) != ERR_OK) {
		t->err = ERR_OPENCODE_ANSWER;
		return 0;
	}
	return len;
}

static size_t
on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * count, text = len;

	while (text > 0 && (data[text - 1] == '\r' || data[text - 1] == '\n'))
		text--;
	if (text == 0 || memchr(data, ':', text) == NULL)
		return len; /* status line and final blank line */
	if (buf_add(&t->reply->head, data, text) != ERR_OK ||
	    buf_putc(&t->reply->head, '\n') != ERR_OK) {
		t->err = ERR_OPENCODE_ANSWER;
		return 0;
	}
	return len;
}

static struct curl_slist *
make_headers(const struct curl_lib *lib, const struct call *call)
{
	struct curl_slist *list = NULL, *longer;
	struct buf line;

	buf_init(&line, HEADER_MAX + 256);
	for (size_t i = 0; i < call->header_count; i++) {
		buf_free(&line);
		/* libcurl takes "Name;" for a header with an empty value */
		if (call->header[i].value[0] == '\0')
			buf_printf(&line, "%s;", call->header[i].name);
		else
			buf_printf(&line, "%s: %s", call->header[i].name, call->header[i].value);
		longer = line.err == ERR_OK ? lib->curl_slist_append(list, buf_text(&line)) : NULL;
		if (longer == NULL) {
			lib->curl_slist_free_all(list);
			list = NULL;
			break;
		}
		list = longer;
	}
	buf_free(&line);
	return list;
}

/* Headers that libcurl would add by itself and nobody asked for. */
static void
suppress_defaults(struct call *call)
{
	bool accept = false, type = false;

	for (size_t i = 0; i < call->header_count; i++) {
		accept = accept || strcasecmp(call->header[i].name, "Accept") == 0;
		type = type || strcasecmp(call->header[i].name, "Content-Type") == 0;
	}
	if (!accept)
		call_header(call, "Accept", "*/*");
	if (!type && call->body != NULL)
		call_header(call, "Content-Type", "application/json");
}

/* Every option that a call of ours has, in one place. One that fails spoils the call. */
static bool
set_options(const struct curl_lib *lib, CURL *curl, struct transfer *t, struct curl_slist *headers)
{
	const struct call *call = t->call;
	long timeout = call->timeout_ms > 0 ? call->timeout_ms : CALL_TOTAL_MS;
	CURLcode failed = CURLE_OK;

#define SET(option, value) \
	do { \
		if (failed == CURLE_OK) \
			failed = lib->curl_easy_setopt(curl, option, value); \
	} while (0)

	SET(CURLOPT_URL, "http://opencode.invalid/");
	SET(CURLOPT_UNIX_SOCKET_PATH, call->socket_path);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PROTOCOLS_STR, "http");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_REQUEST_TARGET, call->target);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CALL_CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, timeout);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	if (call->body != NULL) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
		SET(CURLOPT_POSTFIELDS, call->body);
	}
	if (strcmp(call->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else if (strcmp(call->method, call->body != NULL ? "POST" : "GET") != 0)
		SET(CURLOPT_CUSTOMREQUEST, call->method);
#undef SET
	return failed == CURLE_OK;
}

static enum err
map_result(CURLcode result, const struct transfer *t)
{
	if (t->err != ERR_OK)
		return t->err;
	switch (result) {
	case CURLE_OK:
		return ERR_OK;
	case CURLE_COULDNT_CONNECT:
		return ERR_OPENCODE_DOWN;
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_OPENCODE_TIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return ERR_MEMORY;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return ERR_OPENCODE_GONE;
	default:
		return ERR_OPENCODE_ANSWER;
	}
}

/* Whether any of the request may have left. */
static bool
is_sent(const struct curl_lib *lib, CURL *curl)
{
	long sent = 0;

	return lib->curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
}

/* What a transfer that has ended brought. */
static enum err
conclude(const struct curl_lib *lib, CURL *curl, CURLcode result, struct transfer *t)
{
	long status = 0;
	enum err err = map_result(result, t);

	if (err == ERR_OK &&
	    lib->curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		t->reply->status = (int)status;
	/* RFC 9110 section 15: a final status, and one that web servers pass on */
	if (err == ERR_OK && (t->reply->status < 200 || t->reply->status > 599))
		err = ERR_OPENCODE_ANSWER;
	/* libcurl has no memory for an answer with an endless header either */
	if (err == ERR_MEMORY && is_sent(lib, curl))
		err = ERR_OPENCODE_GONE;
	if (err != ERR_OK)
		log_event(LOG_LEVEL_WARNING, "opencode-call-failed", "host", t->call->host,
			  "method", t->call->method, "cause", lib->curl_easy_strerror(result),
			  NULL);
	return err;
}

/* Makes a handle ready for a call: complete gets its headers, headers the list that libcurl wants.
 */
static bool
prepare(const struct curl_lib *lib, CURL *curl, const struct call *call, struct call *complete,
	struct transfer *t, struct curl_slist **headers)
{
	*complete = *call;
	complete->header_count = 0;
	call_header(complete, "Host", call->host);
	for (size_t i = 0; i < call->header_count; i++)
		call_header(complete, call->header[i].name, call->header[i].value);
	suppress_defaults(complete);
	*headers = make_headers(lib, complete);
	return *headers != NULL && set_options(lib, curl, t, *headers);
}

static void
headers_free(const struct curl_lib *lib, struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h != NULL; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	if (headers != NULL)
		lib->curl_slist_free_all(headers);
}

static void
reply_init(struct call_reply *reply)
{
	*reply = (struct call_reply){.status = 0};
	buf_init(&reply->head, CALL_HEAD_MAX);
	buf_init(&reply->body, CALL_BODY_MAX);
}

enum err
call_send(const struct call *call, struct call_reply *reply)
{
	const struct curl_lib *lib = curl_lib();
	struct call complete;
	struct transfer t = {.call = &complete, .reply = reply, .err = ERR_OK};
	struct curl_slist *headers = NULL;
	enum err err = ERR_OPENCODE_DOWN; /* as long as nothing was sent */
	CURL *curl = lib == NULL ? NULL : lib->curl_easy_init();

	reply_init(reply);
	if (curl == NULL)
		return err;
	blocking_begin();
	if (prepare(lib, curl, call, &complete, &t, &headers))
		err = conclude(lib, curl, lib->curl_easy_perform(curl), &t);
	lib->curl_easy_cleanup(curl); /* kept, it would keep the request's text as well */
	headers_free(lib, headers);
	return err;
}

struct call_pending {
	const struct curl_lib *lib;
	struct call complete;
	struct transfer transfer;
	struct curl_slist *headers;
	CURL *easy;
	CURLM *multi;
	int running;
};

static void
pending_free(struct call_pending *p)
{
	if (p->multi != NULL && p->easy != NULL)
		p->lib->curl_multi_remove_handle(p->multi, p->easy);
	if (p->easy != NULL)
		p->lib->curl_easy_cleanup(p->easy);
	if (p->multi != NULL)
		p->lib->curl_multi_cleanup(p->multi);
	headers_free(p->lib, p->headers);
	free(p);
}

/* Moves the transfer on; false once it has ended. */
static bool
pending_step(struct call_pending *p)
{
	if (p->lib->curl_multi_perform(p->multi, &p->running) != CURLM_OK || p->running == 0)
		return false;
	return p->lib->curl_multi_poll(p->multi, NULL, 0, STEP_MS, NULL) == CURLM_OK;
}

enum err
call_start(const struct call *call, struct call_reply *reply, struct call_pending **out)
{
	const struct curl_lib *lib = curl_lib();
	struct call_pending *p = lib == NULL ? NULL : calloc(1, sizeof(*p));

	reply_init(reply);
	if (p == NULL)
		return ERR_OPENCODE_DOWN;
	blocking_begin();
	p->lib = lib;
	p->transfer = (struct transfer){.call = &p->complete, .reply = reply, .err = ERR_OK};
	if ((p->easy = lib->curl_easy_init()) == NULL ||
	    (p->multi = lib->curl_multi_init()) == NULL ||
	    !prepare(lib, p->easy, call, &p->complete, &p->transfer, &p->headers) ||
	    lib->curl_multi_add_handle(p->multi, p->easy) != CURLM_OK) {
		pending_free(p);
		return ERR_OPENCODE_DOWN;
	}
	while (!is_sent(lib, p->easy) && pending_step(p))
		continue;
	if (!is_sent(lib, p->easy))
		return call_finish(p);
	*out = p;
	return ERR_OK;
}

enum err
call_finish(struct call_pending *p)
{
	CURLcode result = CURLE_FAILED_INIT;
	CURLMsg *message;
	enum err err;
	int left;

	while (pending_step(p))
		continue;
	while ((message = p->lib->curl_multi_info_read(p->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE)
			result = message->data.result;
	err = conclude(p->lib, p->easy, result, &p->transfer);
	pending_free(p);
	return err;
}

void
call_reply_free(struct call_reply *reply)
{
	buf_free(&reply->head);
	buf_free(&reply->body);
}

bool
call_next_field(const struct call_reply *reply, const char **pos, struct call_field *field)
{
	const char *line = *pos == NULL ? buf_text(&reply->head) : *pos;
	size_t len = strcspn(line, "\n");
	const char *colon = memchr(line, ':', len);

	if (colon == NULL)
		return false;
	field->name = line;
	field->name_len = (size_t)(colon - line);
	field->value = colon + 1 + strspn(colon + 1, " \t");
	field->value_len = (size_t)(line + len - field->value);
	*pos = line + len + 1;
	return true;
}
