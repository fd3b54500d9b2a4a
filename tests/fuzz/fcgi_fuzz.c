/*
 * What comes in on a FastCGI connection, through the worker's own code and libfcgi.
 * The first line of an input is "raw" or "lines", with the number of pieces in which
 * the bytes come, and "end" if the peer then says that it has no more. Raw bytes
 * follow as they are; lines are one record each, a letter and its content:
 *
 *   B  BEGIN_REQUEST of a connection that is kept; b of one that is not
 *   p  PARAMS with one pair, NAME=VALUE; P with these bytes
 *   I  STDIN;  A ABORT_REQUEST;  G GET_VALUES;  D DATA
 *
 * A digit behind the letter is the length of the padding. Whatever comes, the
 * connection ends or rests, as many answers come back as requests were handled, each in
 * well-formed records, and the next connection's request is answered.
 */
#include <errno.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "fuzz.h"

#define BYTES_MAX  (4 * 1024 * 1024)
#define PIECES_MAX 8
#define PLAIN_MAX  60000 /* bytes of requests that are within all limits */
#define LARGE	   60000 /* bytes of a long answer; all of it fits into a socket */

static void handle(void *ctx, const struct request *r, struct response *response);

static const struct connection_handler handler = {.handle = handle};
static struct connections all;
static struct server server;

/* The other end of the connection. */
static struct peer {
	int fd;
	int server_fd;	   /* the worker's end */
	unsigned char *in; /* what came back */
	size_t len;
	int requests; /* that were handled */
} peer;

static void
receive(void)
{
	ssize_t n;

	while ((n = recv(peer.fd, peer.in + peer.len, BYTES_MAX - peer.len, MSG_DONTWAIT)) > 0)
		peer.len += (size_t)n;
	CHECK(peer.len < BYTES_MAX);
}

/* Says what it was asked, and reads none, one byte or all of the body. */
static void
handle(void *ctx, const struct request *r, struct response *response)
{
	char chunk[512];
	int n = 1, got = 0;

	(void)ctx;
	/* nobody else takes what was answered before */
	receive();
	peer.requests++;
	if (strcmp(r->path, "/byte") == 0)
		got = r->read(r->read_ctx, chunk, 1);
	else if (strcmp(r->path, "/unread") != 0)
		while ((n = r->read(r->read_ctx, chunk, sizeof(chunk))) > 0)
			got += n;
	response_start(response, 200);
	buf_printf(&response->body, "path=%s got=%d", r->path, got);
	for (int i = 0; strcmp(r->path, "/large") == 0 && i < LARGE; i++)
		buf_putc(&response->body, 'x');
}

static void
connect_peer(void)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	peer.fd = pair[0];
	peer.server_fd = pair[1];
	peer.len = 0;
	peer.requests = 0;
	connection_open(&all, pair[1]);
	connection_run(&server, pair[1]);
}

/* Whether the connection is open. What happened to it is told as epoll would tell it. */
static bool
is_open(void)
{
	struct connection *c = &all.of[peer.server_fd];

	do {
		/* a socket that was full takes more as soon as it is read */
		connection_event(&server, peer.server_fd);
		receive();
		CHECK(atomic_load(&c->state) == CONNECTION_RESTING ||
		      atomic_load(&c->state) == CONNECTION_FREE);
	} while (atomic_load(&c->state) == CONNECTION_RESTING && c->full);
	return atomic_load(&c->state) == CONNECTION_RESTING;
}

static bool
send_piece(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(peer.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EPIPE)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
		if (!is_open())
			return false;
	}
	return true;
}

static void
disconnect(void)
{
	struct connection *c = &all.of[peer.server_fd];

	close(peer.fd);
	if (atomic_load(&c->state) == CONNECTION_RESTING)
		connection_event(&server, peer.server_fd);
	CHECK(atomic_load(&c->state) == CONNECTION_FREE);
	CHECK(atomic_load(&all.count) == 0);
}

/* Every answer: records of one request, a CGI head at the beginning, END_REQUEST at the end. */
static void
check_records(void)
{
	static const char head[] = "Status: 200 OK\r\n";
	unsigned id = 0;
	size_t at = 0;
	int answers = 0;

	while (at < peer.len) {
		const unsigned char *p = peer.in + at;
		size_t len;

		CHECK(peer.len - at >= FCGI_HEADER_LEN && p[0] == FCGI_VERSION_1);
		len = (size_t)p[4] << 8 | p[5];
		CHECK(peer.len - at - FCGI_HEADER_LEN >= len + p[6]);
		CHECK(p[1] == FCGI_STDOUT || p[1] == FCGI_STDERR || p[1] == FCGI_END_REQUEST);
		CHECK(((unsigned)p[2] << 8 | p[3]) != 0);
		if (id == 0 && p[1] == FCGI_STDOUT && len > 0)
			CHECK(len >= sizeof(head) - 1 &&
			      memcmp(p + 8, head, sizeof(head) - 1) == 0);
		CHECK(id == 0 || ((unsigned)p[2] << 8 | p[3]) == id);
		id = (unsigned)p[2] << 8 | p[3];
		if (p[1] == FCGI_END_REQUEST) {
			CHECK(len == 8 && p[12] == FCGI_REQUEST_COMPLETE);
			answers++;
			id = 0;
		}
		at += FCGI_HEADER_LEN + len + p[6];
	}
	CHECK(id == 0 && answers == peer.requests);
}

static void
put_record(struct buf *out, int type, const char *content, size_t len, int padding)
{
	const char header[] = {FCGI_VERSION_1, (char)type,    0, 7, (char)(len >> 8),
			       (char)len,      (char)padding, 0};

	buf_add(out, header, sizeof(header));
	buf_add(out, content, len);
	buf_add(out, "paddings...", (size_t)padding);
}

static void
put_pair(struct buf *out, const struct piece *pair, int padding)
{
	const char *eq = memchr(pair->data, '=', pair->len);
	size_t name = eq == NULL ? pair->len : (size_t)(eq - pair->data);
	size_t value = eq == NULL ? 0 : pair->len - name - 1;
	const char lengths[] = {
	    (char)(name >> 24 | 0x80),	(char)(name >> 16),  (char)(name >> 8),	 (char)name,
	    (char)(value >> 24 | 0x80), (char)(value >> 16), (char)(value >> 8), (char)value};
	struct buf content;

	buf_init(&content, FUZZ_INPUT_MAX * 2);
	buf_add(&content, lengths, sizeof(lengths));
	buf_add(&content, pair->data, name);
	buf_add(&content, eq == NULL ? "" : eq + 1, value);
	if (content.len <= 65535)
		put_record(out, FCGI_PARAMS, buf_text(&content), content.len, padding);
	buf_free(&content);
}

/* A line in its parts. */
struct line {
	char letter;
	int padding;
	struct piece content;
};

static struct line
read_line(const struct piece *text)
{
	struct line line = {.letter = text->data[0], .content = {"", 0}};
	size_t skip = 1;

	if (text->len > 1 && text->data[1] >= '0' && text->data[1] <= '9')
		line.padding = text->data[skip++] - '0';
	if (text->len > skip && text->len - skip - 1 <= 65535)
		line.content = (struct piece){text->data + skip + 1, text->len - skip - 1};
	return line;
}

static void
put_line(struct buf *out, const struct line *line)
{
	static const char letters[] = "PIAGD";
	static const int types[] = {FCGI_PARAMS, FCGI_STDIN, FCGI_ABORT_REQUEST, FCGI_GET_VALUES,
				    FCGI_DATA};
	const char *found;

	if (line->letter == 'B')
		put_record(out, FCGI_BEGIN_REQUEST, "\0\1\1\0\0\0\0\0", 8, line->padding);
	else if (line->letter == 'b')
		put_record(out, FCGI_BEGIN_REQUEST, "\0\1\0\0\0\0\0\0", 8, line->padding);
	else if (line->letter == 'p')
		put_pair(out, &line->content, line->padding);
	else if ((found = memchr(letters, line->letter, 5)) != NULL)
		put_record(out, types[found - letters], line->content.data, line->content.len,
			   line->padding);
}

/* Where an input is in what web servers send, which is nothing else than requests. */
static struct plain {
	enum { PLAIN_BEGIN, PLAIN_PARAMS, PLAIN_STDIN, PLAIN_END, PLAIN_NOT } step;
	bool kept;
	int requests; /* that must be handled */
} plain;

static void
follow(const struct line *line)
{
	bool empty = line->content.len == 0, begin = line->letter == 'B' || line->letter == 'b';

	if (line->padding > 0 && (empty || begin)) {
		plain.step = PLAIN_NOT;
	} else if (plain.step == PLAIN_BEGIN && begin) {
		plain.step = PLAIN_PARAMS;
		plain.kept = line->letter == 'B';
	} else if (plain.step == PLAIN_PARAMS && line->letter == 'P' && empty) {
		plain.step = PLAIN_STDIN;
	} else if (plain.step == PLAIN_STDIN && line->letter == 'I') {
		if (!empty)
			return;
		plain.requests++;
		plain.step = plain.kept ? PLAIN_BEGIN : PLAIN_END;
	} else if (plain.step != PLAIN_PARAMS || line->letter != 'p') {
		plain.step = PLAIN_NOT;
	}
}

/* A plain request, as web servers send it. */
static void
ask_well(const char *uri)
{
	struct piece pair = {uri, strlen(uri)};
	struct buf out;

	connect_peer();
	buf_init(&out, FUZZ_INPUT_MAX);
	put_record(&out, FCGI_BEGIN_REQUEST, "\0\1\1\0\0\0\0\0", 8, 0);
	put_pair(&out, &(struct piece){"REQUEST_METHOD=GET", 18}, 0);
	put_pair(&out, &pair, 3);
	put_record(&out, FCGI_PARAMS, "", 0, 0);
	put_record(&out, FCGI_STDIN, "", 0, 0);
	CHECK(send_piece(out.data, out.len));
	CHECK(peer.requests == 1);
	check_records();
	CHECK(memmem(peer.in, peer.len, uri + 12, strlen(uri + 12)) != NULL);
	disconnect();
	buf_free(&out);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_init();
	CHECK(libfcgi_init());
	connection_server_init(&server, &all, &handler);
	all.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	peer.in = malloc(BYTES_MAX);
	CHECK(all.epoll_fd >= 0 && peer.in != NULL);
	return 0;
}

/* Sends everything in pieces of about the same size. */
static void
run(const char *data, size_t len, size_t pieces, bool end)
{
	bool open = true;

	connect_peer();
	for (size_t i = 0; i < pieces && open; i++) {
		size_t from = len * i / pieces, to = len * (i + 1) / pieces;

		open = send_piece(data + from, to - from);
	}
	if (open && end) {
		shutdown(peer.fd, SHUT_WR);
		CHECK(!is_open());
	}
	receive();
	check_records();
	if (plain.step != PLAIN_NOT && len <= PLAIN_MAX)
		CHECK(peer.requests == plain.requests);
	disconnect();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct piece rest = {(const char *)data, size}, first = {"", 0}, text;
	size_t pieces = 1;
	struct line line;
	struct buf records;

	if (size > FUZZ_INPUT_MAX || !piece_next(&rest, "\n", &first))
		return -1;
	fuzz_reset();
	for (size_t i = 0; i < first.len; i++)
		if (first.data[i] >= '1' && first.data[i] <= '0' + PIECES_MAX)
			pieces = (size_t)(first.data[i] - '0');
	plain = (struct plain){.step = piece_has(&first, "raw") ? PLAIN_NOT : PLAIN_BEGIN};
	buf_init(&records, FUZZ_INPUT_MAX * 16);
	if (piece_has(&first, "raw"))
		buf_add(&records, rest.data == NULL ? "" : rest.data,
			rest.data == NULL ? 0 : rest.len);
	else
		while (piece_next(&rest, "\n", &text))
			if (text.len > 0) {
				line = read_line(&text);
				put_line(&records, &line);
				follow(&line);
			}
	run(buf_text(&records), records.len, pieces, piece_has(&first, "end"));
	buf_free(&records);
	ask_well("REQUEST_URI=/good");
	return 0;
}
