#include "standin.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX (128 * 1024)

static int listener;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct standin_call calls[STANDIN_CALLS_MAX];
static size_t count, first, told; /* the replies are for the calls from first on */
static const struct piece *replies;

/* Reads one whole request: up to the blank line, and as much more as Content-Length says. */
static char *
receive(int fd)
{
	char *text = malloc(REQUEST_BYTES_MAX + 1);
	const char *end = NULL, *length;
	size_t len = 0, want = REQUEST_BYTES_MAX;

	while (len < want) {
		ssize_t n = recv(fd, text + len, want - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		if (end != NULL || (end = strstr(text, "\r\n\r\n")) == NULL)
			continue;
		length = strcasestr(text, "\r\nContent-Length: ");
		want = (size_t)(end - text) + 4;
		if (length != NULL && length < end)
			want += strtoul(length + 18, NULL, 10);
		if (want > REQUEST_BYTES_MAX)
			want = REQUEST_BYTES_MAX;
	}
	text[len] = '\0';
	return text;
}

static void
copy(char *out, size_t size, const char *from, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(out, from, len);
	out[len] = '\0';
}

static void
remember(char *text)
{
	struct standin_call *call;
	const char *target, *host, *body;

	if (count == STANDIN_CALLS_MAX) {
		free(text);
		return;
	}
	call = &calls[count];
	call->text = text;
	copy(call->method, sizeof(call->method), text, strcspn(text, " \r"));
	target = text + strcspn(text, " ");
	target += strspn(target, " ");
	copy(call->target, sizeof(call->target), target, strcspn(target, " \r"));
	host = strcasestr(text, "\r\nHost: ");
	copy(call->host, sizeof(call->host), host == NULL ? "" : host + 8,
	     host == NULL ? 0 : strcspn(host + 8, "\r"));
	body = strstr(text, "\r\n\r\n");
	call->body = body == NULL ? "" : body + 4;
}

static void
give(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

/* Bytes with \r and \n written out. */
static void
give_raw(int fd, const char *data, size_t len)
{
	char *bytes = malloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bool escape = data[i] == '\\' && i + 1 < len;

		if (escape && (data[i + 1] == 'r' || data[i + 1] == 'n'))
			bytes[n++] = data[++i] == 'r' ? '\r' : '\n';
		else
			bytes[n++] = data[i];
	}
	give(fd, bytes, n);
	free(bytes);
}

static void
answer(int fd, const struct piece *reply)
{
	struct piece status = *reply, body = {"", 0};
	const char *blank = memchr(reply->data, ' ', reply->len);
	char head[128];
	int len;

	if (piece_is(reply, "close"))
		return;
	if (reply->len > 4 && memcmp(reply->data, "raw ", 4) == 0) {
		give_raw(fd, reply->data + 4, reply->len - 4);
		return;
	}
	if (blank != NULL) {
		status.len = (size_t)(blank - reply->data);
		body = (struct piece){blank + 1, reply->len - status.len - 1};
	}
	len = snprintf(
	    head, sizeof(head),
	    "HTTP/1.1 %.*s X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    status.len > 16 ? 16 : (int)status.len, status.data, body.len);
	give(fd, head, (size_t)len);
	give(fd, body.data, body.len);
}

static void *
serve(void *arg)
{
	static const struct piece usual = {"200 true", 8};

	(void)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		struct piece reply = usual;
		char *text, *own;

		if (fd < 0)
			continue;
		text = receive(fd);
		pthread_mutex_lock(&mutex);
		if (count - first < told)
			reply = replies[count - first];
		/* the caller may have heard enough, and go on, before all of it is sent */
		own = fuzz_string(reply.data, reply.len);
		reply.data = own;
		remember(text);
		count++;
		pthread_mutex_unlock(&mutex);
		answer(fd, &reply);
		close(fd);
		free(own);
	}
	return NULL;
}

void
standin_start(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pthread_t thread;

	CHECK(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(listener, 64) == 0);
	CHECK(pthread_create(&thread, NULL, serve, NULL) == 0);
	CHECK(pthread_detach(thread) == 0);
}

void
standin_replies(const struct piece *reply, size_t many)
{
	pthread_mutex_lock(&mutex);
	replies = reply;
	first = count;
	told = many;
	pthread_mutex_unlock(&mutex);
}

void
standin_reset(void)
{
	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < count && i < STANDIN_CALLS_MAX; i++)
		free(calls[i].text);
	count = first = told = 0;
	pthread_mutex_unlock(&mutex);
}

size_t
standin_count(void)
{
	size_t n;

	pthread_mutex_lock(&mutex);
	n = count;
	pthread_mutex_unlock(&mutex);
	return n;
}

const struct standin_call *
standin_call(size_t i)
{
	return i < count && i < STANDIN_CALLS_MAX ? &calls[i] : NULL;
}
