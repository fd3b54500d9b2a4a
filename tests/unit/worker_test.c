#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <fastcgi.h>

#include "libfcgi.h"
#include "listen.h"
#include "record.h"
#include "util/blocking.h"
#include "worker.h"

#define THREADS	   4
#define PATIENCE_S 10 /* a test that waits longer for bytes has failed */
#define BYTES_MAX  (256 * 1024)

#define IN_A_GENERATION 8 /* more requests than one generation may answer */

static char folder[] = "/tmp/worker-test-XXXXXX";
static char path[64];
static struct listen listening;
static struct worker *worker;
static sem_t entered, go;

/* Bytes of a request under construction, or of an answer. */
struct bytes {
	size_t len;
	unsigned char data[BYTES_MAX];
};

static struct bytes out, in;

static void
put(struct bytes *b, const void *data, size_t len)
{
	assert_true(len <= BYTES_MAX - b->len);
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

/* Like the web servers: padded, if there is anything to pad. */
static void
put_record(int type, const void *data, size_t len)
{
	unsigned char padding = type != FCGI_BEGIN_REQUEST && len > 0 ? 3 : 0;
	const unsigned char header[8] = {
	    1, (unsigned char)type, 0, 7, (unsigned char)(len >> 8), (unsigned char)len, padding,
	    0};

	put(&out, header, sizeof(header));
	put(&out, data, len);
	put(&out, "...", padding);
}

static size_t
put_pair(unsigned char *to, const char *name, const char *value)
{
	size_t name_len = strlen(name), value_len = strlen(value);

	to[0] = (unsigned char)name_len;
	to[1] = 0x80;
	to[2] = 0;
	to[3] = (unsigned char)(value_len >> 8);
	to[4] = (unsigned char)value_len;
	memcpy(to + 5, name, name_len);
	memcpy(to + 5 + name_len, value, value_len);
	return 5 + name_len + value_len;
}

/* Adds a request to out. */
static void
put_request(const char *uri, const char *body, size_t body_len, bool keep)
{
	unsigned char begin[8] = {0, FCGI_RESPONDER, keep ? FCGI_KEEP_CONN : 0}, params[1024];
	char length[24];
	size_t n = 0;

	snprintf(length, sizeof(length), "%zu", body_len);
	n += put_pair(params + n, "REQUEST_METHOD", "POST");
	n += put_pair(params + n, "REQUEST_URI", uri);
	n += put_pair(params + n, "CONTENT_LENGTH", length);
	put_record(FCGI_BEGIN_REQUEST, begin, sizeof(begin));
	put_record(FCGI_PARAMS, params, n / 2);
	put_record(FCGI_PARAMS, params + n / 2, n - n / 2);
	put_record(FCGI_PARAMS, "", 0);
	for (size_t at = 0; at < body_len; at += 30000)
		put_record(FCGI_STDIN, body + at, body_len - at < 30000 ? body_len - at : 30000);
	put_record(FCGI_STDIN, "", 0);
}

static void
request(const char *uri, const char *body, bool keep)
{
	out.len = 0;
	put_request(uri, body, strlen(body), keep);
}

static int
client(void)
{
	const struct timeval limit = {.tv_sec = PATIENCE_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

static void
send_bytes(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static bool
receive(int fd, void *data, size_t len)
{
	return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

/* Reads one answer into in, as a string without its records. False: there was none. */
static bool
receive_answer(int fd)
{
	unsigned char header[8], content[65536 + 255];

	in.len = 0;
	for (;;) {
		size_t len;

		if (!receive(fd, header, sizeof(header)))
			return false;
		len = (size_t)header[4] << 8 | header[5];
		if (len + header[6] > 0 && !receive(fd, content, len + header[6]))
			return false;
		assert_int_equal(header[3], 7);
		if (header[1] == FCGI_STDOUT)
			put(&in, content, len);
		if (header[1] == FCGI_END_REQUEST) {
			put(&in, "", 1);
			return true;
		}
	}
}

static void
expect(int fd, const char *text)
{
	assert_true(receive_answer(fd));
	if (strstr((const char *)in.data, text) == NULL)
		fail_msg("no %s in %s", text, (const char *)in.data);
}

/* The peer has closed: its end, or a reset because it left bytes unread. */
static void
expect_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	close(fd);
}

static void
exchange(int fd, const char *uri, const char *body)
{
	char text[256];

	request(uri, body, true);
	send_bytes(fd, out.data, out.len);
	snprintf(text, sizeof(text), "path=%s body=%s.", uri, body);
	expect(fd, text);
}

/* Says what it was asked. */
static void
handle(void *ctx, const struct request *r, struct response *response)
{
	char body[4096];
	int n = 0, got = 0;

	(void)ctx;
	while (strcmp(r->path, "/unread") != 0 && got < (int)sizeof(body) - 1 &&
	       (n = r->read(r->read_ctx, body + got, sizeof(body) - 1 - (size_t)got)) > 0)
		got += n;
	body[got] = '\0';
	if (strcmp(r->path, "/wait") == 0 || strcmp(r->path, "/hold") == 0) {
		if (r->path[1] == 'w')
			blocking_begin();
		sem_post(&entered);
		while (sem_wait(&go) != 0)
			continue;
	}
	if (strcmp(r->path, "/generation") == 0)
		snprintf(body, sizeof(body), "%u", blocking_generation());
	response_start(response, 200);
	buf_printf(&response->body, "path=%s body=%s.", r->path, body);
	if (strcmp(r->path, "/large") == 0)
		for (int i = 0; i < 20000; i++)
			buf_puts(&response->body, "0123456789");
}

/* On one processor only one thread watches: all depends on its handing over in time. */
static void
use_one_processor(void)
{
	cpu_set_t all, one;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static int
start(void **state)
{
	struct worker_config config = {.threads = THREADS, .handler = {.handle = handle}};
	char message[LISTEN_MESSAGE_MAX];

	(void)state;
	sem_init(&entered, 0, 0);
	sem_init(&go, 0, 0);
	use_one_processor();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	if (listen_open(&listening, path, 0600, message) != ERR_OK)
		return -1;
	config.listen_fd = listening.fd;
	return worker_start(&worker, &config) == ERR_OK ? 0 : -1;
}

static int
stop(void **state)
{
	(void)state;
	if (worker != NULL)
		worker_stop(worker);
	listen_unlink(&listening);
	listen_close(&listening);
	return rmdir(folder);
}

static void
a_connection_is_kept_if_asked(void **state)
{
	char uri[32], body[32];
	int fd = client();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(uri, sizeof(uri), "/n%d", i);
		snprintf(body, sizeof(body), "%.*s", i % 10, "abcdefghij");
		exchange(fd, uri, body);
	}
	exchange(fd, "/unread", "");
	request("/unread", "left over", true);
	send_bytes(fd, out.data, out.len);
	expect(fd, "path=/unread body=.");
	exchange(fd, "/after", "x");
	request("/last", "", false);
	send_bytes(fd, out.data, out.len);
	expect(fd, "path=/last");
	expect_closed(fd);
}

static void
silent_connections_hold_nobody_up(void **state)
{
	int idle[50 * THREADS], fd = client();

	(void)state;
	request("/half", "", true);
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		idle[i] = client();
		send_bytes(idle[i], out.data, i % out.len);
	}
	for (int i = 0; i < 100; i++)
		exchange(fd, "/good", "b");
	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++) {
		request("/half", "", true);
		send_bytes(idle[i], out.data + i % out.len, out.len - i % out.len);
		expect(idle[i], "path=/half");
		close(idle[i]);
	}
	close(fd);
}

/* Whichever way the requests come: on new connections, and on one that is kept. */
static void
threads_that_wait_hold_nobody_up(void **state)
{
	int busy[THREADS - 1], kept = client();

	(void)state;
	exchange(kept, "/kept", "");
	request("/wait", "", false);
	for (int i = 0; i < THREADS - 1; i++) {
		busy[i] = client();
		send_bytes(busy[i], out.data, out.len);
	}
	for (int i = 0; i < THREADS - 1; i++)
		while (sem_wait(&entered) != 0)
			continue;
	for (int i = 0; i < 100; i++) {
		int fd = client();

		exchange(fd, "/good", "b");
		exchange(kept, "/kept", "c");
		close(fd);
	}
	for (int i = 0; i < THREADS - 1; i++)
		sem_post(&go);
	for (int i = 0; i < THREADS - 1; i++) {
		expect(busy[i], "path=/wait");
		expect_closed(busy[i]);
	}
	close(kept);
}

/* The generation in which a request was answered. */
static unsigned
generation_of(int fd)
{
	const char *text;

	expect(fd, "path=/generation body=");
	text = memmem(in.data, in.len, "body=", 5);
	return (unsigned)strtoul(text + 5, NULL, 10);
}

/*
 * What a thread has looked at is old once enough has come after it: new connections
 * that come one after the other, and one that always asks for more.
 */
static void
a_generation_ends_while_requests_come(void **state)
{
	int hold = client(), fresh[IN_A_GENERATION + 1];
	unsigned first;

	(void)state;
	/* the one thread that watches has these before it when it goes on */
	request("/hold", "", false);
	send_bytes(hold, out.data, out.len);
	while (sem_wait(&entered) != 0)
		continue;
	request("/generation", "", false);
	for (int i = 0; i <= IN_A_GENERATION; i++) {
		fresh[i] = client();
		send_bytes(fresh[i], out.data, out.len);
	}
	sem_post(&go);
	expect(hold, "path=/hold");
	expect_closed(hold);
	first = generation_of(fresh[0]);
	assert_int_not_equal(generation_of(fresh[IN_A_GENERATION]), first);
	for (int i = 0; i <= IN_A_GENERATION; i++)
		close(fresh[i]);

	hold = client();
	out.len = 0;
	put_request("/generation", "", 0, true);
	put_request("/hold", "", 0, true);
	put_request("/generation", "", 0, true);
	send_bytes(hold, out.data, out.len);
	first = generation_of(hold);
	while (sem_wait(&entered) != 0)
		continue;
	sem_post(&go);
	expect(hold, "path=/hold");
	assert_int_not_equal(generation_of(hold), first);
	close(hold);
}

static void
a_request_may_come_in_pieces(void **state)
{
	int fd = client();
	size_t len;

	(void)state;
	request("/pieces", "hello", true);
	len = out.len;
	for (size_t i = 1; i < len; i++) {
		send_bytes(fd, out.data, i);
		send_bytes(fd, out.data + i, len - i);
		expect(fd, "path=/pieces body=hello.");
	}
	for (size_t i = 0; i < len; i++)
		send_bytes(fd, out.data + i, 1);
	expect(fd, "path=/pieces body=hello.");
	/* several at once: no server does that, but none may be lost */
	put_request("/second", "2", 1, true);
	put_request("/third", "3", 1, false);
	send_bytes(fd, out.data, out.len);
	expect(fd, "path=/pieces body=hello.");
	expect(fd, "path=/second body=2.");
	expect(fd, "path=/third body=3.");
	expect_closed(fd);
}

static void
what_is_no_request_is_closed(void **state)
{
	static const struct {
		size_t len;
		const char *data;
	} rows[] = {
	    {16, "\0\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"},		       /* version 0 */
	    {16, "\2\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"},		       /* version 2 */
	    {16, "\1\1\0\0\0\10\0\0\0\1\0\0\0\0\0\0"},		       /* request 0 */
	    {16, "\1\1\0\1\0\10\0\0\0\2\0\0\0\0\0\0"},		       /* authorizer */
	    {16, "\1\1\0\1\0\10\0\0\377\1\0\0\0\0\0\0"},	       /* no role at all */
	    {8, "\1\1\0\1\0\0\0\0"},				       /* BEGIN of 0 bytes */
	    {11, "\1\1\0\1\0\3\0\0abc"},			       /* of 3 */
	    {17, "\1\1\0\1\0\11\0\0abcdefghi"},			       /* of 9 */
	    {8, "\1\1\0\1\377\377\0\0"},			       /* of 65535 */
	    {8, "\1\2\0\1\0\0\0\0"},				       /* ABORT of nothing */
	    {26, "\1\11\0\0\0\22\0\0\16\0FCGI_MAX_CONNS\0\0"},	       /* GET_VALUES */
	    {24, "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\2\0\1\0\0\0\0"}, /* ABORT */
	    {24, "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\4\0\2\0\0\0\0"}, /* other request */
	    {24, "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\5\0\1\0\0\0\0"}, /* STDIN first */
	    /* a pair of 2 GiB; one that ends beyond the stream */
	    {32, "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\4\0\1\0\10\0\0\377\377\377\377\0\0\0\0"},
	    {36, "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\4\0\1\0\4\0\0\7\7ab\1\4\0\1\0\0\0\0"},
	    {16, "GET / HTTP/1.1\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = client();

		send_bytes(fd, rows[i].data, rows[i].len);
		expect_closed(fd);
		fd = client();
		exchange(fd, "/good", "b");
		close(fd);
	}
}

static void
a_peer_may_go_at_any_time(void **state)
{
	int fd;

	(void)state;
	request("/gone", "body", true);
	for (size_t i = 0; i <= out.len; i++) {
		fd = client();
		send_bytes(fd, out.data, i);
		close(fd);
	}
	request("/large", "", true);
	fd = client();
	send_bytes(fd, out.data, out.len);
	close(fd);
	fd = client();
	exchange(fd, "/good", "b");
	close(fd);
}

static void
a_request_that_is_too_long_is_answered(void **state)
{
	static char body[200 * 1024];
	int fd = client();

	(void)state;
	memset(body, 'x', sizeof(body));
	out.len = 0;
	put_request("/unread", body, sizeof(body), true);
	send_bytes(fd, out.data, out.len);
	expect(fd, "path=/unread body=.");
	shutdown(fd, SHUT_WR);
	expect_closed(fd);
}

static void
a_long_answer_arrives(void **state)
{
	int fd = client();

	(void)state;
	request("/large", "", true);
	send_bytes(fd, out.data, out.len);
	expect(fd, "Content-Length: 200");
	assert_true(in.len > 200000);
	exchange(fd, "/good", "b");
	close(fd);
}

/* What fcgi/libfcgi.h says about libfcgi. */
static void
libfcgi_does_what_we_rely_on(void **state)
{
	FCGX_Request r;
	char next[8];
	bool keep;
	int pair[2];

	(void)state;
	libfcgi_ready(&r);
	for (int i = 0; i < 3; i++) {
		char body[16] = "";

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		request("/direct", "hello", i != 2);
		assert_true(libfcgi_begin(&r, pair[1], out.data, out.len));
		assert_string_equal(FCGX_GetParam("REQUEST_URI", r.envp), "/direct");
		if (i == 0)
			assert_int_equal(libfcgi_read(&r, body, sizeof(body)), 5);
		assert_true(libfcgi_finish(&r, "answer", 6, &keep));
		assert_int_equal(keep, i != 2);
		assert_int_not_equal(fcntl(pair[1], F_GETFD), -1);
		expect(pair[0], "answer");
		close(pair[0]);
		close(pair[1]);
	}
	/*
	 * What breaks off is closed, and nothing else is accepted in its place; but an
	 * end between two parameters looks like a good one to libfcgi.
	 */
	request("/broken", "", true);
	for (size_t i = 0; i < out.len - 8; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		if (libfcgi_begin(&r, pair[1], out.data, i)) {
			libfcgi_drop(&r);
			close(pair[1]);
		}
		assert_int_equal(fcntl(pair[1], F_GETFD), -1);
		close(pair[0]);
	}
	/* an answer that cannot be sent leaves the connection to us */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(libfcgi_begin(&r, pair[1], out.data, out.len));
	close(pair[0]);
	assert_false(libfcgi_finish(&r, "answer", 6, &keep));
	assert_false(keep);
	assert_int_not_equal(fcntl(pair[1], F_GETFD), -1);
	close(pair[1]);
	/* nothing is read from the connection, however little is given */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	send_bytes(pair[0], "next", 4);
	assert_true(libfcgi_begin(&r, pair[1], out.data, out.len));
	assert_true(libfcgi_finish(&r, "answer", 6, &keep));
	assert_int_equal(recv(pair[1], next, sizeof(next), MSG_DONTWAIT), 4);
	close(pair[0]);
	close(pair[1]);
}

static void
a_socket_is_taken_with_care(void **state)
{
	char message[LISTEN_MESSAGE_MAX], other[64];
	struct listen second;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(listen_open(&second, path, 0600, message), ERR_CONFIG);
	assert_non_null(strstr(message, path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	snprintf(other, sizeof(other), "%s/other", folder);
	fd = open(other, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_int_equal(listen_open(&second, other, 0600, message), ERR_CONFIG);
	assert_int_equal(unlink(other), 0);

	/* nobody answers on it any more */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, other, strlen(other));
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(listen_open(&second, other, 0640, message), ERR_OK);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);

	/* somebody else's file in its place is not removed */
	assert_int_equal(unlink(other), 0);
	fd = open(other, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	listen_unlink(&second);
	listen_close(&second);
	assert_int_equal(unlink(other), 0);
}

static void *
stop_it(void *arg)
{
	worker_stop(arg);
	return NULL;
}

static void
stopping_loses_nothing(void **state)
{
	pthread_t thread;
	int busy[THREADS], waiting[3], kept = client();

	(void)state;
	exchange(kept, "/kept", "");
	for (int i = 0; i < THREADS; i++) {
		request("/wait", "", false);
		busy[i] = client();
		send_bytes(busy[i], out.data, out.len);
		while (sem_wait(&entered) != 0)
			continue;
	}
	/* every thread is busy: these are not even accepted yet */
	request("/late", "", false);
	for (int i = 0; i < 3; i++) {
		waiting[i] = client();
		send_bytes(waiting[i], out.data, out.len);
	}
	request("/kept", "again", true);
	send_bytes(kept, out.data, out.len);
	assert_int_equal(pthread_create(&thread, NULL, stop_it, worker), 0);
	for (int i = 0; i < THREADS; i++)
		sem_post(&go);
	for (int i = 0; i < THREADS; i++) {
		expect(busy[i], "path=/wait");
		expect_closed(busy[i]);
	}
	for (int i = 0; i < 3; i++) {
		expect(waiting[i], "path=/late");
		expect_closed(waiting[i]);
	}
	expect(kept, "path=/kept body=again.");
	expect_closed(kept);
	pthread_join(thread, NULL);
	worker = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(libfcgi_does_what_we_rely_on),
	    cmocka_unit_test(a_connection_is_kept_if_asked),
	    cmocka_unit_test(silent_connections_hold_nobody_up),
	    cmocka_unit_test(threads_that_wait_hold_nobody_up),
	    cmocka_unit_test(a_generation_ends_while_requests_come),
	    cmocka_unit_test(a_request_may_come_in_pieces),
	    cmocka_unit_test(what_is_no_request_is_closed),
	    cmocka_unit_test(a_peer_may_go_at_any_time),
	    cmocka_unit_test(a_request_that_is_too_long_is_answered),
	    cmocka_unit_test(a_long_answer_arrives),
	    cmocka_unit_test(a_socket_is_taken_with_care),
	    cmocka_unit_test(stopping_loses_nothing),
	};

	alarm(60);
	return cmocka_run_group_tests_name("worker", tests, start, stop);
}
