#include "util/curl_request.h"

#include <string.h>

#include "util/secret.h"

bool
curl_request_open(struct curl_request *r)
{
	r->lib = curl_lib();
	r->easy = r->lib == NULL ? NULL : r->lib->curl_easy_init();
	return r->easy != NULL;
}

bool
curl_request_header(struct curl_request *r, const char *line)
{
	struct curl_slist *longer = r->lib->curl_slist_append(r->headers, line);

	if (longer != NULL)
		r->headers = longer;
	return longer != NULL;
}

static size_t
on_body(char *data, size_t size, size_t count, void *ctx)
{
	const struct curl_request *r = ctx;

	return r->on_body(r->ctx, data, size * count) ? size * count : 0;
}

static size_t
on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct curl_request *r = ctx;
	size_t len = size * count;

	if (r->lines_max > 0 && ++r->lines > r->lines_max)
		return 0;
	while (len > 0 && (data[len - 1] == '\r' || data[len - 1] == '\n'))
		len--;
	if (memchr(data, ':', len) != NULL) {
		buf_add(r->head, data, len);
		buf_putc(r->head, '\n');
	}
	if (r->on_line != NULL && !r->on_line(r->ctx, data, len))
		return 0;
	return r->head->err == ERR_OK ? size * count : 0;
}

bool
curl_request_ready(struct curl_request *r)
{
	bool ok = true;

#define SET(option, value) ok = ok && r->lib->curl_easy_setopt(r->easy, option, value) == CURLE_OK

	SET(CURLOPT_URL, r->url);
	SET(CURLOPT_UNIX_SOCKET_PATH, r->socket_path);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PROTOCOLS_STR, r->socket_path != NULL ? "http" : "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_REQUEST_TARGET, r->target);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, r->connect_ms);
	SET(CURLOPT_TIMEOUT_MS, r->timeout_ms);
	SET(CURLOPT_HTTPHEADER, r->headers);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, r);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, r);
	SET(CURLOPT_ERRORBUFFER, r->cause);
	if (r->ca_file != NULL)
		SET(CURLOPT_CAINFO, r->ca_file);
	if (r->compressed)
		SET(CURLOPT_ACCEPT_ENCODING, "");
	if (r->body != NULL) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		SET(CURLOPT_POSTFIELDS, r->body);
	}
	if (r->method != NULL && strcmp(r->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else if (r->method != NULL && strcmp(r->method, r->body != NULL ? "POST" : "GET") != 0)
		SET(CURLOPT_CUSTOMREQUEST, r->method);
#undef SET
	return ok;
}

void
curl_request_free(struct curl_request *r)
{
	if (r->easy != NULL)
		r->lib->curl_easy_cleanup(r->easy); /* kept, it would keep the request's text too */
	for (struct curl_slist *h = r->headers; h != NULL; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	if (r->headers != NULL)
		r->lib->curl_slist_free_all(r->headers);
}
