/* The client's connections: dialled for an exchange, kept for later ones, closed.
 *
 *	dialling ──▶ (shaking) ──▶ busy ⇄ idle
 *	    └────────────┴───────────┴──────┴──▶ closed
 *
 * Invariants
 * 1. connection_set alone changes the state; a connection is in client.idle and in its bucket
 *    exactly while it is idle, and has an exchange exactly while it is not.
 * 2. A connection is registered for reading from its first byte to its end, so a request on a kept
 *    one costs no epoll_ctl. An event on an idle one means that the peer closed or broke the
 *    silence: it is closed; who takes one looks for it, too. What TLS has to say to itself (session
 *tickets) does not count.
 * 3. There are at most connections_max idle ones. The oldest goes first, and one that is older than
 *    IDLE_MAX is not used: middle boxes have forgotten it.
 * 4. The sockets have an epoll set inside the loop's. In the loop's own each would take 200 bytes
 *    that stay when it is closed: libevent's event, and its entry for the number. A connection that
 *    is closed leaves the batch of events that is under way.
 * 5. The policy judges in client_exchange.c: before a connection is made, and before a kept one is
 *    taken. */
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"

#include "http/client-internal.h"

#define IDLE_MAX (118 * USEC_PER_SEC)

/* Why a connection could not be made. */
static const struct {
	int number;
	const char *detail;
} connect_errors[] = {
	{ ECONNREFUSED, "connection refused" },
	{ ENETUNREACH, "network unreachable" },
	{ EHOSTUNREACH, "host unreachable" },
	{ ETIMEDOUT, "connection timed out" },
	{ ECONNRESET, "connection reset" },
	{ EADDRNOTAVAIL, "no free local port" },
	{ EMFILE, "too many open files here" },
	{ ENFILE, "too many open files here" },
};

static const char *
connect_detail(int number)
{
	for (size_t i = 0; i < ARRAY_LEN(connect_errors); i++) {
		if (connect_errors[i].number == number)
			return connect_errors[i].detail;
	}
	return "connection failed";
}

/* ---- states ---- */

static socklen_t
address_size(const union client_address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static bool
address_equal(const union client_address *a, const union client_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr &&
		       a->v4.sin_port == b->v4.sin_port;
	return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0 &&
	       a->v6.sin6_port == b->v6.sin6_port;
}

static struct connection_bucket *
bucket_of(struct client *c, const struct client_origin *origin)
{
	return &c->buckets[origin->hash & (c->nbuckets - 1)];
}

static void
connection_set(struct client_connection *k, enum connection_state state)
{
	struct client *c = k->client;
	if (k->state == CONNECTION_IDLE) {
		TAILQ_REMOVE(&c->idle, k, idle);
		LIST_REMOVE(k, same);
		c->nidle--;
	}
	k->state = state;
	if (state == CONNECTION_IDLE) {
		k->exchange = NULL;
		k->idle_since = loop_now(c->loop);
		TAILQ_INSERT_HEAD(&c->idle, k, idle);
		LIST_INSERT_HEAD(bucket_of(c, k->origin), k, same); /* the warmest first */
		c->nidle++;
	}
}

static void
watch(struct client_connection *k, uint32_t events)
{
	if (k->watched == events)
		return;
	struct epoll_event e = { events, { .ptr = k } };
	int op = k->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(k->client->epoll_fd, op, k->wire.fd, &e))
		abort(); /* out of memory */
	k->watched = events;
}

void
connection_wait(struct client_connection *k, bool for_room)
{
	watch(k, for_room ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void
connection_close(struct client_connection *k)
{
	struct client *c = k->client;
	connection_set(k, CONNECTION_BUSY); /* out of the lists */
	for (int i = 0; i < c->nbatch; i++) {
		if (c->batch[i].data.ptr == k)
			c->batch[i].data.ptr = NULL;
	}
	wire_close(&k->wire);
	client_origin_unref(k->origin);
	c->nconnections--;
	free(k);
}

void
client_trim(struct client *c)
{
	struct client_connection *k;
	usec_t stale = loop_now(c->loop) - IDLE_MAX;
	while ((k = TAILQ_LAST(&c->idle, connection_list)) &&
	       (c->nidle > c->options.connections_max || k->idle_since < stale))
		connection_close(k);
}

void
connection_keep(struct client_connection *k)
{
	struct client *c = k->client;
	connection_wait(k, false);
	wire_rest(&k->wire);
	connection_set(k, CONNECTION_IDLE);
	client_trim(c); /* perhaps this one */
}

void
client_drop_idle(struct client *c)
{
	struct client_connection *k;
	while ((k = TAILQ_FIRST(&c->idle)))
		connection_close(k);
}

/* ---- one for an exchange ---- */

/* What has come unasked since the last answer, and was not seen yet, must not be taken for the
 * answer to what is sent now. */
struct client_connection *
connection_take(struct client_exchange *x)
{
	struct client *c = x->client;
	const struct client_origin *origin = x->rq.target->origin;
	struct client_connection *k, *next;
	client_trim(c);
	LIST_FOREACH_SAFE(k, bucket_of(c, origin), same, next)
	{
		if (!client_origin_equal(k->origin, origin) || !address_equal(&k->to, &x->to))
			continue;
		if (!wire_is_silent(&k->wire)) {
			connection_close(k);
			continue;
		}
		connection_set(k, CONNECTION_BUSY);
		k->exchange = x;
		return k;
	}
	return NULL;
}

/* A socket that connects; -1 and errno. */
static int
dial(const union client_address *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -1;
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &to->any, address_size(to)) == 0 || errno == EINPROGRESS)
		return fd;
	int number = errno;
	close(fd);
	errno = number;
	return -1;
}

struct client_connection *
connection_open(struct client_exchange *x, const char **ret_detail)
{
	struct client *c = x->client;
	int fd = dial(&x->to);
	while (fd < 0 && errno == EMFILE && !TAILQ_EMPTY(&c->idle)) {
		connection_close(TAILQ_LAST(&c->idle, connection_list));
		fd = dial(&x->to);
	}
	if (fd < 0) {
		*ret_detail = connect_detail(errno);
		return NULL;
	}
	struct client_connection *k = mem_zalloc(sizeof(*k));
	k->client = c;
	k->exchange = x;
	k->origin = client_origin_ref(x->rq.target->origin);
	k->to = x->to;
	k->state = CONNECTION_DIALLING;
	k->wire.fd = fd;
	c->nconnections++;
	watch(k, EPOLLOUT);
	return k;
}

/* ---- events ---- */

static void
on_established(struct client_connection *k)
{
	connection_set(k, CONNECTION_BUSY);
	watch(k, EPOLLIN);
	exchange_on_ready(k->exchange);
}

static void
on_shaking(struct client_connection *k)
{
	char detail[96];
	switch (wire_handshake(&k->wire)) {
	case WIRE_AGAIN:
		watch(k, k->wire.blocked);
		break;
	case WIRE_BROKEN:
		wire_handshake_detail(&k->wire, detail, sizeof(detail));
		exchange_end(k->exchange, TRANSPORT_TLS, detail);
		break;
	default:
		on_established(k);
	}
}

static void
on_dialled(struct client_connection *k)
{
	int number = 0;
	socklen_t size = sizeof(number);
	if (getsockopt(k->wire.fd, SOL_SOCKET, SO_ERROR, &number, &size))
		number = errno;
	if (fault_hit(FAULT_CLIENT_CONNECT))
		number = ECONNRESET;
	if (number) {
		exchange_end(k->exchange, TRANSPORT_CONNECT, connect_detail(number));
		return;
	}
	if (!k->origin->tls) {
		on_established(k);
		return;
	}
	if (!wire_tls_start(&k->wire, k->client->tls, k->origin)) {
		exchange_end(k->exchange, TRANSPORT_TLS, "CA file unusable");
		return;
	}
	connection_set(k, CONNECTION_SHAKING);
	on_shaking(k);
}

static void
on_idle_event(struct client_connection *k)
{
	if (!wire_is_silent(&k->wire))
		connection_close(k);
}

static void
on_event(struct client_connection *k)
{
	switch (k->state) {
	case CONNECTION_DIALLING:
		on_dialled(k);
		break;
	case CONNECTION_SHAKING:
		on_shaking(k);
		break;
	case CONNECTION_BUSY:
		exchange_on_event(k->exchange);
		break;
	case CONNECTION_IDLE:
		on_idle_event(k);
		break;
	}
}

static void
on_ready(evutil_socket_t epoll_fd, short what, void *arg)
{
	struct client *c = arg;
	(void)what;
	int n = epoll_wait(epoll_fd, c->batch, CLIENT_READY_MAX, 0);
	client_enter(c);
	c->nbatch = n > 0 ? n : 0;
	for (int i = 0; i < c->nbatch && !c->dying; i++) {
		if (c->batch[i].data.ptr)
			on_event(c->batch[i].data.ptr);
	}
	c->nbatch = 0;
	client_leave(c);
}

void
client_sockets_init(struct client *c)
{
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	short flags = EV_READ | EV_PERSIST;
	c->ready = event_new(loop_base(c->loop), c->epoll_fd, flags, on_ready, c);
	if (c->epoll_fd < 0 || !c->ready || event_add(c->ready, NULL))
		abort(); /* out of memory or descriptors */
}

void
client_sockets_done(struct client *c)
{
	assert(c->nconnections == 0);
	event_free(c->ready);
	close(c->epoll_fd);
}
