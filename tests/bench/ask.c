/*
 * Asks a FastCGI program on a Unix socket, each request on a connection of its own, and tells for
 * each status how many there were and how long they took, as JSON. See message.h for the request.
 *
 *   ask SOCKET RATE LANES COUNT FIRST
 *
 * RATE 0: LANES at a time, the next as soon as one is answered. Else RATE a second, each at its
 * time, however many are not answered yet, as visitors come who do not know of one another; then
 * LANES is how many may be open. Status 0: no connection, or an answer that broke off.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "stopwatch.h"

#define EVENTS_MAX 64
#define NEVER	   1e15

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int epoll_fd;

struct lane {
	int fd; /* -1: free */
	long number;
	double begun;
	struct message message;
};

static struct result {
	int status;
	double ms;
} * results;
static long answered;

static void
lane_end(struct lane *lane, int status)
{
	if (lane->fd >= 0)
		close(lane->fd);
	lane->fd = -1;
	results[answered++] = (struct result){status, now_ms() - lane->begun};
}

/* due: when the request should have been made, which is when its time begins to count. */
static void
lane_begin(struct lane *lane, long number, double due)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = lane};
	unsigned char bytes[MESSAGE_MAX];
	size_t len = message_write(bytes, number);

	*lane = (struct lane){
	    .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), .number = number, .begun = due};
	if (lane->fd < 0 || connect(lane->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    send(lane->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, lane->fd, &event) != 0)
		lane_end(lane, 0);
}

static void
lane_read(struct lane *lane)
{
	unsigned char data[16384];
	ssize_t n;

	while ((n = read(lane->fd, data, sizeof(data))) > 0)
		message_add(&lane->message, data, (size_t)n);
	if (n == 0 || errno != EAGAIN)
		lane_end(lane, n == 0 ? message_status(&lane->message) : 0);
}

static struct lane *
free_lane(struct lane *lanes, long count)
{
	static long hand;

	for (long i = 0; i < count; i++)
		if (lanes[hand = (hand + 1) % count].fd < 0)
			return &lanes[hand];
	return NULL;
}

/* Waits until something is there to be read, or until due. */
static void
wait_until(double due)
{
	struct epoll_event events[EVENTS_MAX];
	double left = due - now_ms();
	long ns = left > 0 ? (long)(left * 1e6) : 0;
	struct timespec time = {ns / 1000000000, ns % 1000000000};
	int n = epoll_pwait2(epoll_fd, events, EVENTS_MAX, due == NEVER ? NULL : &time, NULL);

	for (int i = 0; i < n; i++)
		lane_read(events[i].data.ptr);
}

static void
run(struct lane *lanes, long lane_count, double rate, long count, long first)
{
	double start = now_ms();
	long asked = 0;

	while (answered < count) {
		double now = now_ms(), due = rate > 0 ? start + (double)asked * 1e3 / rate : 0;
		struct lane *lane = NULL;

		if (asked < count && now >= due)
			lane = free_lane(lanes, lane_count);
		if (lane != NULL) {
			lane_begin(lane, first + asked, rate > 0 ? due : now);
			asked++;
		} else {
			wait_until(asked < count && now < due ? due : NEVER);
		}
	}
}

static int
by_status_and_time(const void *a, const void *b)
{
	const struct result *x = a, *y = b;

	if (x->status != y->status)
		return x->status - y->status;
	return (x->ms > y->ms) - (x->ms < y->ms);
}

static void
print(double seconds)
{
	qsort(results, (size_t)answered, sizeof(*results), by_status_and_time);
	printf("{\"seconds\":%.4f,\"statuses\":{", seconds);
	for (long from = 0, to; from < answered; from = to) {
		for (to = from; to < answered && results[to].status == results[from].status; to++)
			continue;
		printf("%s\"%d\":{\"count\":%ld,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}",
		       from > 0 ? "," : "", results[from].status, to - from,
		       results[from + (to - from) / 2].ms,
		       results[from + (to - from) * 99 / 100].ms, results[to - 1].ms);
	}
	printf("}}\n");
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	struct lane *lanes;
	long lane_count, count;
	double start;

	if (argc < 6 || strlen(argv[1]) >= sizeof(address.sun_path))
		return EXIT_FAILURE;
	memcpy(address.sun_path, argv[1], strlen(argv[1]));
	lane_count = strtol(argv[3], NULL, 10);
	count = strtol(argv[4], NULL, 10);
	lanes = calloc((size_t)lane_count, sizeof(*lanes));
	results = calloc((size_t)count, sizeof(*results));
	if (lanes == NULL || results == NULL || (epoll_fd = epoll_create1(0)) < 0)
		return EXIT_FAILURE;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (long i = 0; i < lane_count; i++)
		lanes[i].fd = -1;
	start = now_ms();
	run(lanes, lane_count, strtod(argv[2], NULL), count, strtol(argv[5], NULL, 10));
	print((now_ms() - start) / 1e3);
	return EXIT_SUCCESS;
}
