/* Left to the kernel, the shared listening socket gave all connections of a load test to one of two
 * workers. Taking turns is even at the start; the count of open connections, which every worker
 * keeps in the shared metrics, corrects what closing makes uneven. */
#include "handover.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/metric.h"

#define SLACK    4  /* connections that a worker may have above the least loaded one */
#define TAKE_MAX 16 /* per wake-up */
#define STILL_MAX                                                                                  \
	(3 * USEC_PER_SEC) /* without a turn of its loop (which is noted every second)             \
			    */

struct handover {
	const struct worker_env *env;
	struct http_server *server;
	struct event *ev;
	int turn;
};

union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* A worker whose loop has not turned for a while (stopped, hung, dead) gets nothing. */
static bool
turns(const struct handover *h, int worker)
{
	return worker == h->env->index ||
	       clock_mono() - metric_get(METRIC_LOOP_TURNED, worker) < STILL_MAX;
}

/* The worker that gets the next connection. */
static int
choose(struct handover *h)
{
	int least = h->env->index, n = h->env->workers;
	for (int i = 0; i < n; i++)
		if (turns(h, i) && metric_get(METRIC_HTTP_CONNECTIONS, i) <
				       metric_get(METRIC_HTTP_CONNECTIONS, least))
			least = i;
	h->turn = (h->turn + 1) % n;
	bool loaded = metric_get(METRIC_HTTP_CONNECTIONS, h->turn) >
		      metric_get(METRIC_HTTP_CONNECTIONS, least) + SLACK;
	return loaded || !turns(h, h->turn) ? least : h->turn;
}

static bool
give(int socket_fd, int fd)
{
	union control control;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	memset(&control, 0, sizeof(control));
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

static bool
on_accept(void *arg, int fd)
{
	struct handover *h = arg;
	int to = choose(h);
	if (to == h->env->index || !give(h->env->peer_fds[to], fd))
		return false;
	close(fd);
	return true;
}

/* One connection, or -1. */
static int
take(int socket_fd)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	if (recvmsg(socket_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -1;
	int fd;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void
on_given(evutil_socket_t socket_fd, short what, void *arg)
{
	struct handover *h = arg;
	(void)what;
	for (int i = 0; i < TAKE_MAX; i++) {
		int fd = take((int)socket_fd);
		if (fd < 0)
			return;
		http_server_adopt(h->server, fd);
	}
}

struct handover *
handover_new(struct loop *l, const struct worker_env *env, struct http_server *server)
{
	if (!env->peer_fds || env->peers_fd < 0)
		return NULL;
	struct handover *h = mem_zalloc(sizeof(*h));
	h->env = env;
	h->server = server;
	h->turn = env->index;
	h->ev = event_new(loop_base(l), env->peers_fd, EV_READ | EV_PERSIST, on_given, h);
	event_add(h->ev, NULL);
	http_server_on_accept(server, on_accept, h);
	return h;
}

void
handover_free(struct handover *h)
{
	if (!h)
		return;
	http_server_on_accept(h->server, NULL, NULL);
	event_free(h->ev);
	free(h);
}
