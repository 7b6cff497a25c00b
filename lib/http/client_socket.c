/* libcurl's multi handle on the loop: its sockets, its timer, and who may be connected to.
 *
 * Invariants
 * 1. No libcurl function is called from inside one of its callbacks (curl_multi_setopt(3),
 *    CURLMOPT_TIMERFUNCTION): they store, and work happens in events.
 * 2. A socket stays registered when its transfer is over, since the next one will want the same:
 * this saves two epoll_ctl per request (18 instead of 22 us). So an event may come for a socket
 * that no transfer is on; it means that the peer closed or broke the silence, and the connection is
 *    retired. Ignoring it would spin, the set being level-triggered.
 * 3. No registration outlives its descriptor: close_socket drops it. A socket that is still
 *    connecting is closed by libcurl 7.88 without asking close_socket, in the same call that then
 *    says REMOVE for the number; such a one has been watched for writing, and is forgotten there.
 * 4. The sockets have an epoll set inside the loop's. In the loop's own each would take 200 bytes
 *    that stay when it is closed: libevent's event, and its entry for the number.
 * 5. Every address is judged by the policy when its socket is made, and before each request on a
 *    kept connection (libcurl's connection cache knows nothing of the policy). */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"

#include "http/client-internal.h"

#define READY_MAX 128 /* sockets looked at in one turn */

static struct client_socket *
socket_at(struct client *c, curl_socket_t fd)
{
	assert(fd >= 0);
	if (fd >= c->nsockets) {
		int n = c->nsockets ? c->nsockets : 64;
		while (n <= fd)
			n *= 2; /* bounded by RLIMIT_NOFILE */
		c->sockets = mem_realloc(c->sockets, (size_t)n * sizeof(*c->sockets));
		memset(
		    c->sockets + c->nsockets, 0, (size_t)(n - c->nsockets) * sizeof(*c->sockets));
		c->nsockets = n;
	}
	return &c->sockets[fd];
}

/* `events` is EPOLLIN and EPOLLOUT; 0: none of it. */
static void
socket_watch(struct client *c, curl_socket_t fd, uint32_t events)
{
	struct client_socket *s = socket_at(c, fd);
	if (s->watched == events)
		return;
	int op = !s->watched ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
	struct epoll_event e = { events, { .u64 = (uint64_t)s->life << 32 | (uint32_t)fd } };
	s->watched = (uint8_t)events;
	if (epoll_ctl(c->epoll_fd, op, fd, &e) && op != EPOLL_CTL_DEL)
		abort(); /* out of memory; a descriptor that is closed already has left by itself */
}

/* Makes a kept connection unusable, so that libcurl drops it instead of sending into it. The bytes
 * that wait are thrown away first: libcurl 7.88 takes a readable TLS connection for a live one,
 * even if all there is to read is the peer's close_notify. */
static void
socket_retire(struct client *c, curl_socket_t fd)
{
	char waste[1024];
	socket_watch(c, fd, 0);
	for (int i = 0; i < 4; i++) {
		if (recv(fd, waste, sizeof(waste), MSG_DONTWAIT) < (ssize_t)sizeof(waste))
			break;
	}
	shutdown(fd, SHUT_RDWR);
}

static void
on_socket_ready(struct client *c, curl_socket_t fd, uint32_t events)
{
	if (!socket_at(c, fd)->busy) {
		socket_retire(c, fd);
		return;
	}
	const uint32_t broken = EPOLLHUP | EPOLLERR;
	int mask = 0, running;
	if (events & (EPOLLIN | broken))
		mask |= CURL_CSELECT_IN;
	if (events & (EPOLLOUT | broken))
		mask |= CURL_CSELECT_OUT;
	curl_multi_socket_action(c->multi, fd, mask, &running);
	defer_schedule(&c->work);
}

/* What is left after so many comes in the next turn. */
static void
on_ready(evutil_socket_t epoll_fd, short what, void *arg)
{
	(void)what;
	struct client *c = arg;
	struct epoll_event ready[READY_MAX];
	int n = epoll_wait(epoll_fd, ready, READY_MAX, 0);
	for (int i = 0; i < n; i++) {
		curl_socket_t fd = (curl_socket_t)(ready[i].data.u64 & UINT32_MAX);
		const struct client_socket *s = socket_at(c, fd);
		/* The one before may have closed it, and opened another one by that number. */
		if (s->watched && s->life == ready[i].data.u64 >> 32)
			on_socket_ready(c, fd, ready[i].events);
	}
}

/* CURLMOPT_SOCKETFUNCTION */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	(void)easy;
	(void)socket_arg;
	struct client *c = arg;
	struct client_socket *s = socket_at(c, fd);
	s->busy = what != CURL_POLL_REMOVE;
	if (what == CURL_POLL_REMOVE) {
		/* A writable socket would wake us for ever; one to be read keeps its registration.
		 */
		if (s->watched & EPOLLOUT)
			socket_watch(c, fd, 0);
		return 0;
	}
	uint32_t events = 0;
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	socket_watch(c, fd, events);
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
on_timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
	(void)multi;
	struct client *c = arg;
	if (timeout_ms < 0)
		timer_stop(&c->timer);
	else
		timer_set(&c->timer, timeout_ms * USEC_PER_MS);
	return 0;
}

void
client_multi_kick(struct client *c)
{
	int running;
	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	/* libcurl does not ask again for a deadline it has asked for before, which loses it when
	 * the timer came a moment early (curl issues 10146 and 15627). */
	long ms = -1;
	if (!timer_pending(&c->timer) && curl_multi_timeout(c->multi, &ms) == CURLM_OK && ms >= 0)
		timer_set(&c->timer, (ms ? ms : 1) * USEC_PER_MS);
}

static void
on_timer(void *arg)
{
	struct client *c = arg;
	client_multi_kick(c);
	defer_schedule(&c->work);
}

static void
multi_new(struct client *c)
{
	c->multi = curl_multi_init();
	if (!c->multi)
		abort(); /* out of memory */
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	/* Explicitly: by default it is four times the handles added just now, so that connections
	 * are closed and made again whenever the queue runs short (a fifth of the throughput). */
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->options.connections_max);
}

void
client_multi_init(struct client *c)
{
	timer_init(&c->timer, c->loop, on_timer, c);
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	short flags = EV_READ | EV_PERSIST;
	c->ready = event_new(loop_base(c->loop), c->epoll_fd, flags, on_ready, c);
	if (c->epoll_fd < 0 || !c->ready || event_add(c->ready, NULL))
		abort(); /* out of memory or descriptors */
	multi_new(c);
}

void
client_multi_renew(struct client *c)
{
	assert(c->in_flight == 0);
	curl_multi_cleanup(c->multi);
	timer_stop(&c->timer);
	multi_new(c);
}

void
client_multi_done(struct client *c)
{
	curl_multi_cleanup(c->multi); /* closes the kept connections, by close_socket */
	client_tls_done(c);
	timer_done(&c->timer);
	event_free(c->ready);
	close(c->epoll_fd);
	free(c->sockets);
}

void
client_drop_idle(struct client *c)
{
	for (int fd = 0; fd < c->nsockets; fd++) {
		if (c->sockets[fd].open && !c->sockets[fd].busy)
			socket_retire(c, fd);
	}
}

/* CURLOPT_OPENSOCKETFUNCTION: the last word on every address that is dialled. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct client_exchange *x = arg;
	if (purpose != CURLSOCKTYPE_IPCXN || !address_allowed(x->client->policy, &address->addr)) {
		x->blocked = true;
		return CURL_SOCKET_BAD;
	}
	int type = address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(address->family, type, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	struct client_socket *s = socket_at(x->client, fd);
	assert(!s->watched);
	s->life++;
	s->open = true;
	s->busy = true; /* until libcurl says that the transfer is over */
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION. libcurl keeps it with the connection, which outlives the exchange,
 * hence the client as its argument. */
static int
close_socket(void *arg, curl_socket_t fd)
{
	struct client *c = arg;
	struct client_socket *s = socket_at(c, fd);
	socket_watch(c, fd, 0);
	s->open = s->busy = false;
	return close(fd);
}

static bool
peer_allowed(const struct address_policy *p, const char *ip)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	if (inet_pton(AF_INET, ip, &sin.sin_addr) == 1)
		return address_allowed(p, (const struct sockaddr *)&sin);
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	return inet_pton(AF_INET6, ip, &sin6.sin6_addr) == 1 &&
	       address_allowed(p, (const struct sockaddr *)&sin6);
}

/* CURLOPT_PREREQFUNCTION: before each request on new and kept connections, and again when libcurl
 * repeats a request by itself because a kept connection died without an answer. */
static int
before_request(void *arg, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	(void)local_ip;
	(void)peer_port;
	(void)local_port;
	struct client_exchange *x = arg;
	if (!peer_allowed(x->client->policy, peer_ip)) {
		x->blocked = true;
		return CURL_PREREQFUNC_ABORT;
	}
	x->sends++;
	return CURL_PREREQFUNC_OK;
}

void
client_socket_setup(struct client_exchange *x)
{
	curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(x->easy, CURLOPT_CLOSESOCKETDATA, x->client);
	curl_easy_setopt(x->easy, CURLOPT_PREREQFUNCTION, before_request);
	curl_easy_setopt(x->easy, CURLOPT_PREREQDATA, x);
}
