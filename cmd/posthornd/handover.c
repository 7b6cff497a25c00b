/* Left to the kernel, the shared listening socket gave all connections of a load test to one of two
 * workers. Taking turns is even at the start, but connections are not alike, and one that is alone
 * would leave all cores but one without work (docs/adr/0007-balance.md).
 *
 * Invariants:
 * 1. A connection is served by one process. It moves with what its client has sent and nobody has
 *    read, or not at all (http/move.c).
 * 2. Each worker decides about its own connections only, from the figures that all of them keep in
 *    the shared metrics. They are a moment old, and where many decide by the same figures, all may
 *    decide for the same worker. Therefore moves by business are one worker's at a time, in slices
 *    of the clock, and it reckons with what it has moved in its slice; moves by backlog, which
 *    cannot wait, are single and apart.
 * 3. A connection on its way waits for its worker no longer than SILENT_MAX and RESCUE_EVERY: every
 *    worker has all inboxes, and empties those of workers whose loop does not turn. Each message
 *    of a socket is received once, so it does not matter who else looks, nor that the silent one
 *    wakes up meanwhile. */
#include "handover.h"

#include <event2/event.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/decay.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/metric.h"

#include "policy/balance.h"

#define TAKE_MAX     16           /* per wake-up, of one inbox */
#define SILENT_MAX   USEC_PER_SEC /* without a turn of its loop; an idle one turns four times */
#define RESCUE_EVERY (500 * USEC_PER_MS) /* looks for silent workers */
#define LOOK_APART   USEC_PER_MS         /* between looks at the backlog, so between moves by it */
#define SLICE        USEC_PER_SEC        /* longer than the figures take to follow a move */
#define STAY_MIN     USEC_PER_SEC        /* of a connection, before it moves by business */

struct handover {
	struct loop *loop;
	const struct config *config;
	const struct worker_env *env;
	struct http_server *server;
	struct event *ev;
	struct timer rescue_timer;
	int turn;
	bool stopping;
	usec_t looked;                    /* at the backlog */
	int64_t slice;                    /* of `given` */
	double given[METRIC_WORKERS_MAX]; /* in this slice, as a share of a worker's time */
};

union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* ---- the loads ---------------------------------------------------------------------------- */

/* A figure is as of the worker's last turn; while it sleeps it gets less busy. */
static double
busy_of(int worker, usec_t turned, usec_t now)
{
	struct decay busy = { (double)metric_get(METRIC_BUSY, worker) / 1e6, turned,
		LOOP_BUSY_SPAN };
	return decay_get(&busy, now);
}

static int64_t
ahead_of(int worker)
{
	return metric_get(METRIC_QUEUED, worker) + metric_get(METRIC_IN_FLIGHT, worker);
}

/* Stopped, hung or dead. */
static bool
is_silent(int worker, usec_t now)
{
	return now - metric_get(METRIC_LOOP_TURNED, worker) >= SILENT_MAX;
}

/* A silent worker gets nothing. */
static void
read_loads(const struct handover *h, struct balance_load *w)
{
	usec_t now = clock_mono();
	for (int i = 0; i < h->env->workers; i++) {
		usec_t turned = metric_get(METRIC_LOOP_TURNED, i);
		bool me = i == h->env->index;
		w[i] = (struct balance_load){
			.open = metric_get(METRIC_SERVING, i) && (me || !is_silent(i, now)),
			.connections = metric_get(METRIC_HTTP_CONNECTIONS, i),
			.ahead = ahead_of(i),
			.busy = me ? loop_busy(h->loop)
				   : busy_of(i, turned, now < turned ? turned : now),
		};
	}
}

/* ---- giving ------------------------------------------------------------------------------- */

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
	if (fault_hit(FAULT_HANDOVER_GIVE))
		return false;
	return sendmsg(socket_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* Connections that a worker has not taken yet. In a burst they are all there is to see of what it
 * was given: its own count follows when its loop turns. */
static int
on_their_way(int inbox_fd)
{
	int bytes = 0; /* one each; unix(7) */
	ioctl(inbox_fd, SIOCINQ, &bytes);
	return bytes;
}

/* The worker for a connection that has none yet, or whose worker stops; -1: none takes any. */
static int
choose(struct handover *h)
{
	struct balance_load w[METRIC_WORKERS_MAX];
	h->turn = (h->turn + 1) % h->env->workers;
	read_loads(h, w);
	for (int i = 0; i < h->env->workers; i++)
		w[i].connections += on_their_way(h->env->inbox_fds[i]);
	return balance_new(w, h->env->workers, h->turn);
}

static bool
on_accept(void *arg, int fd)
{
	struct handover *h = arg;
	int to = choose(h);
	if (to < 0 || to == h->env->index || !give(h->env->peer_fds[to], fd))
		return false;
	close(fd);
	return true;
}

/* ---- moving ------------------------------------------------------------------------------- */

/* Whether this worker is the one that may move connections by business now. */
static bool
in_slice(struct handover *h, usec_t now)
{
	int64_t slice = now / SLICE;
	if (slice != h->slice)
		memset(h->given, 0, sizeof(h->given));
	h->slice = slice;
	return slice % h->env->workers == h->env->index;
}

static int
by_business(struct handover *h, struct balance_load *w, double share)
{
	int me = h->env->index, n = h->env->workers;
	double load = w[me].busy * share;
	for (int i = 0; i < n; i++)
		w[i].busy += h->given[i];
	int to = balance_busy(w, n, me, share);
	if (to >= 0) {
		h->given[to] += load;
		h->given[me] -= load;
	}
	return to;
}

/* Where a connection should go, and why; -1: it stays. */
static int
whither(struct handover *h, const struct http_stay *stay, enum metric *ret_why)
{
	struct balance_load w[METRIC_WORKERS_MAX];
	usec_t now = loop_now(h->loop);
	bool look = now - h->looked >= LOOK_APART && ahead_of(h->env->index) > BALANCE_AHEAD;
	bool may_even =
	    loop_busy(h->loop) > BALANCE_BUSY && stay->length >= STAY_MIN && in_slice(h, now);
	int to = -1;
	if (!look && !may_even)
		return -1;
	read_loads(h, w);
	for (int i = 0; i < h->env->workers; i++)
		w[i].open = w[i].open && w[i].connections < h->config->http_connections_max;
	if (look) {
		h->looked = now;
		*ret_why = METRIC_MOVED_BACKLOG;
		to = balance_backlog(w, h->env->workers, h->env->index);
	}
	if (to < 0 && may_even) {
		*ret_why = METRIC_MOVED_BUSY;
		to = by_business(h, w, stay->share);
	}
	return to;
}

static bool
on_move(void *arg, int fd, const struct http_stay *stay)
{
	struct handover *h = arg;
	enum metric why = METRIC_MOVED_STOP;
	int to = h->stopping ? choose(h) : whither(h, stay, &why);
	if (to < 0 || !give(h->env->peer_fds[to], fd))
		return false;
	metric_add(why, 1);
	return true;
}

/* ---- taking ------------------------------------------------------------------------------- */

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

/* Some of what lies in an inbox; the number. When it was sent before the sender saw that this
 * worker stops, it goes on to another one. */
static int
take_some(struct handover *h, int inbox_fd)
{
	int n = 0;
	for (; n < TAKE_MAX; n++) {
		int fd = take(inbox_fd);
		if (fd < 0)
			break;
		FAULT_POINT(HANDOVER_TAKE);
		if (!h->stopping || !on_accept(h, fd))
			http_server_adopt(h->server, fd);
	}
	return n;
}

static void
on_given(evutil_socket_t inbox_fd, short what, void *arg)
{
	(void)what;
	take_some(arg, (int)inbox_fd);
}

/* A worker that died a moment ago counts as silent too: its successor would find what lies there,
 * but who waits does not have to wait for a start. */
static void
on_rescue_timer(void *arg)
{
	struct handover *h = arg;
	usec_t now = clock_mono();
	for (int i = 0; i < h->env->workers; i++)
		if (i != h->env->index && is_silent(i, now))
			metric_add(METRIC_MOVED_SILENT, take_some(h, h->env->inbox_fds[i]));
	timer_set(&h->rescue_timer, RESCUE_EVERY);
}

/* ---- life --------------------------------------------------------------------------------- */

struct handover *
handover_new(struct loop *l, const struct config *c, const struct worker_env *env,
    struct http_server *server)
{
	if (!env->peer_fds)
		return NULL;
	struct handover *h = mem_zalloc(sizeof(*h));
	h->loop = l;
	h->config = c;
	h->env = env;
	h->server = server;
	h->turn = env->index;
	h->ev =
	    event_new(loop_base(l), env->inbox_fds[env->index], EV_READ | EV_PERSIST, on_given, h);
	event_add(h->ev, NULL);
	timer_init(&h->rescue_timer, l, on_rescue_timer, h);
	timer_set(&h->rescue_timer, RESCUE_EVERY);
	http_server_on_accept(server, on_accept, h);
	if (c->balance)
		http_server_on_move(server, on_move, h);
	return h;
}

void
handover_stop(struct handover *h)
{
	if (!h)
		return;
	h->stopping = true;
	timer_stop(&h->rescue_timer);
	http_server_on_accept(h->server, NULL, NULL);
	http_server_move_idle(h->server);
}

void
handover_free(struct handover *h)
{
	if (!h)
		return;
	http_server_on_accept(h->server, NULL, NULL);
	http_server_on_move(h->server, NULL, NULL);
	timer_done(&h->rescue_timer);
	event_free(h->ev);
	free(h);
}
