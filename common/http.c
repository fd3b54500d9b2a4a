#include "http.h"

#include <string.h>
#include <strings.h>

#include "curl_lib.h"
#include "log.h"
#include "secret.h"

struct transfer {
	const struct http_call *call;
	struct http_reply *reply;
	enum err err; /* why we stopped it ourselves */
};

void
http_header(struct http_call *call, const char *name, const char *value)
{
	if (value == NULL || call->header_count == HTTP_HEADERS_MAX)
		return;
	call->header[call->header_count++] = (struct header){name, value};
}

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	struct buf *body = &t->reply->body;
	size_t len = size * count;

	if (t->call->tail && body->len + len > HTTP_BODY_MAX) {
		/* a block of libcurl's is at most CURL_MAX_WRITE_SIZE, well below the half that
		 * stays */
		size_t keep = HTTP_BODY_MAX / 2 < body->len ? HTTP_BODY_MAX / 2 : body->len;

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
make_headers(const struct curl_lib *lib, const struct http_call *call)
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
suppress_defaults(struct http_call *call)
{
	bool accept = false, type = false;

	for (size_t i = 0; i < call->header_count; i++) {
		accept = accept || strcasecmp(call->header[i].name, "Accept") == 0;
		type = type || strcasecmp(call->header[i].name, "Content-Type") == 0;
	}
	if (!accept)
		http_header(call, "Accept", "*/*");
	if (!type && call->body != NULL)
		http_header(call, "Content-Type", "application/json");
}

/* Every option that a call of ours has, in one place. One that fails spoils the call. */
static bool
set_options(const struct curl_lib *lib, CURL *curl, struct transfer *t, struct curl_slist *headers)
{
	const struct http_call *call = t->call;
	long timeout = call->timeout_ms > 0 ? call->timeout_ms : HTTP_TOTAL_MS;
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
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
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

static enum err
perform(const struct curl_lib *lib, CURL *curl, struct transfer *t)
{
	long status = 0;
	CURLcode result = lib->curl_easy_perform(curl);
	enum err err = map_result(result, t);

	if (err == ERR_OK &&
	    lib->curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
		t->reply->status = (int)status;
	if (err == ERR_OK && t->reply->status == 0)
		err = ERR_OPENCODE_ANSWER;
	if (err != ERR_OK)
		log_event(LOG_LEVEL_WARNING, "opencode-call-failed", "host", t->call->host,
			  "method", t->call->method, "cause", lib->curl_easy_strerror(result),
			  NULL);
	return err;
}

enum err
http_send(const struct http_call *call, struct http_reply *reply)
{
	const struct curl_lib *lib = curl_lib();
	struct http_call complete = *call;
	struct transfer t = {.call = &complete, .reply = reply, .err = ERR_OK};
	struct curl_slist *headers = NULL;
	enum err err = ERR_OPENCODE_DOWN; /* as long as nothing was sent */
	CURL *curl = NULL;

	*reply = (struct http_reply){.status = 0};
	buf_init(&reply->head, HTTP_HEAD_MAX);
	buf_init(&reply->body, HTTP_BODY_MAX);
	if ((curl = curl_lib_handle()) == NULL)
		goto out;
	complete.header_count = 0;
	http_header(&complete, "Host", call->host);
	for (size_t i = 0; i < call->header_count; i++)
		http_header(&complete, call->header[i].name, call->header[i].value);
	suppress_defaults(&complete);
	if ((headers = make_headers(lib, &complete)) == NULL)
		goto out;
	if (!set_options(lib, curl, &t, headers))
		goto out;
	err = perform(lib, curl, &t);
out:
	curl_lib_done(curl);
	for (struct curl_slist *h = headers; h != NULL; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	if (headers != NULL)
		lib->curl_slist_free_all(headers);
	return err;
}

void
http_reply_free(struct http_reply *reply)
{
	buf_free(&reply->head);
	buf_free(&reply->body);
}

bool
http_next_field(const struct http_reply *reply, const char **pos, struct http_field *field)
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
