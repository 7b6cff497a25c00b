/* One relay for each connection: `net` speaks TLS to the client, `plain` is our end of the socket
 * pair whose other end the HTTP server has.
 *
 *	client ── net ──> in ──> plain ── HTTP server
 *	       <── net <── out <── plain ──
 *
 * Each direction holds one piece of at most PIECE bytes, and nothing is read while it holds one, so
 * a slow side stops the other. An end on one side is passed on to the other side; a relay is over
 * when both have ended. */
#include "tls.h"

#include <assert.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define PIECE 16384 /* bytes: a TLS record holds no more */

/* What one direction holds: bytes[from] to bytes[to]. */
struct piece {
	size_t from, to;
	char bytes[PIECE];
};

struct relay {
	struct tls *tls;
	SSL *ssl;
	int net, plain;
	struct event net_event, plain_event;
	short net_wants, plain_wants; /* EV_READ, EV_WRITE: what the next step waits for */
	bool established, broken;
	bool net_ended, plain_ended; /* nothing more will be read there */
	struct piece in, out;
	TAILQ_ENTRY(relay) entry;
};
TAILQ_HEAD(relay_list, relay);

struct tls {
	struct loop *loop;
	SSL_CTX *context;
	struct relay_list relays, dead;
	struct defer reap;
	struct tls_counts counts;
};

/* --- ends --- */

static void
relay_close(struct relay *r)
{
	event_del(&r->net_event);
	event_del(&r->plain_event);
	close(r->net);
	close(r->plain);
	TAILQ_REMOVE(&r->tls->relays, r, entry);
	TAILQ_INSERT_TAIL(&r->tls->dead, r, entry);
	defer_schedule(&r->tls->reap);
}

/* Nothing dies on its own callback's stack. */
static void
on_reap(void *arg)
{
	struct tls *t = arg;
	struct relay *r;
	while ((r = TAILQ_FIRST(&t->dead))) {
		TAILQ_REMOVE(&t->dead, r, entry);
		SSL_free(r->ssl);
		free(r);
	}
}

/* --- moving --- */

static bool
is_empty(const struct piece *p)
{
	return p->from == p->to;
}

static void
fill(struct piece *p, size_t n)
{
	p->from = 0;
	p->to = n;
}

/* What an SSL call that came to nothing waits for. False: it failed, or the client has ended. */
static bool
ssl_waits(struct relay *r, int result)
{
	switch (SSL_get_error(r->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		r->net_wants |= EV_READ;
		return true;
	case SSL_ERROR_WANT_WRITE:
		r->net_wants |= EV_WRITE;
		return true;
	default:
		return false;
	}
}

/* True once the handshake is done. */
static bool
shake_hands(struct relay *r)
{
	if (r->established)
		return true;
	ERR_clear_error();
	int result = SSL_accept(r->ssl);
	if (result == 1) {
		r->established = true;
		r->tls->counts.handshakes++;
		r->tls->counts.resumed += SSL_session_reused(r->ssl);
		return true;
	}
	if (!ssl_waits(r, result)) {
		r->tls->counts.failed++;
		r->broken = true;
	}
	return false;
}

/* Each of the four returns true when it moved something. */

static bool
read_net(struct relay *r)
{
	if (r->net_ended || !is_empty(&r->in))
		return false;
	ERR_clear_error();
	int n = SSL_read(r->ssl, r->in.bytes, PIECE);
	if (n > 0) {
		fill(&r->in, (size_t)n);
		return true;
	}
	if (ssl_waits(r, n))
		return false;
	r->net_ended = true;
	shutdown(r->plain, SHUT_WR);
	return true;
}

static bool
write_plain(struct relay *r)
{
	if (is_empty(&r->in))
		return false;
	ssize_t n = send(r->plain, r->in.bytes + r->in.from, r->in.to - r->in.from, MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN) {
		r->plain_wants |= EV_WRITE;
		return false;
	}
	r->in.from = n < 0 ? r->in.to : r->in.from + (size_t)n; /* the server wants no more */
	return true;
}

static bool
read_plain(struct relay *r)
{
	if (r->plain_ended || !is_empty(&r->out))
		return false;
	ssize_t n = recv(r->plain, r->out.bytes, PIECE, 0);
	if (n < 0 && errno == EAGAIN) {
		r->plain_wants |= EV_READ;
		return false;
	}
	if (n > 0) {
		fill(&r->out, (size_t)n);
		return true;
	}
	r->plain_ended = true;
	ERR_clear_error();
	SSL_shutdown(r->ssl); /* close_notify; the client's is read as its end */
	shutdown(r->net, SHUT_WR);
	return true;
}

static bool
write_net(struct relay *r)
{
	if (is_empty(&r->out))
		return false;
	ERR_clear_error();
	int n = SSL_write(r->ssl, r->out.bytes + r->out.from, (int)(r->out.to - r->out.from));
	if (n > 0) {
		r->out.from += (size_t)n;
		return true;
	}
	r->broken = !ssl_waits(r, n);
	return false;
}

static void
watch(struct event *ev, short wants)
{
	short flags = wants | EV_PERSIST;
	if (event_get_events(ev) == flags)
		return;
	event_del(ev);
	event_assign(ev, event_get_base(ev), event_get_fd(ev), flags, event_get_callback(ev),
	    event_get_callback_arg(ev));
	if (wants)
		event_add(ev, NULL);
}

static void
relay_step(struct relay *r)
{
	r->net_wants = r->plain_wants = 0;
	while (shake_hands(r) && !r->broken &&
	       (read_net(r) || write_plain(r) || read_plain(r) || write_net(r)))
		r->net_wants = r->plain_wants = 0;
	bool over = r->net_ended && r->plain_ended && is_empty(&r->in) && is_empty(&r->out);
	if (r->broken || over) {
		relay_close(r);
		return;
	}
	watch(&r->net_event, r->net_wants);
	watch(&r->plain_event, r->plain_wants);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	relay_step(arg);
}

/* --- the whole --- */

/* http_server_on_accept */
static bool
on_accept(void *arg, int net)
{
	const struct tls_door *door = arg;
	struct tls *t = door->tls;
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) {
		close(net); /* out of descriptors */
		t->counts.failed++;
		return true;
	}
	struct relay *r = mem_alloc(sizeof(*r));
	*r = (struct relay){ .tls = t, .net = net, .plain = pair[0] };
	r->ssl = SSL_new(t->context);
	if (!r->ssl || !SSL_set_fd(r->ssl, net))
		abort(); /* out of memory */
	event_assign(&r->net_event, loop_base(t->loop), net, EV_PERSIST, on_event, r);
	event_assign(&r->plain_event, loop_base(t->loop), pair[0], EV_PERSIST, on_event, r);
	TAILQ_INSERT_TAIL(&t->relays, r, entry);
	http_server_adopt(door->server, pair[1]);
	relay_step(r);
	return true;
}

void
tls_guard(struct tls *t, struct http_server *s, struct tls_door *door)
{
	*door = (struct tls_door){ t, s };
	http_server_on_accept(s, on_accept, door);
}

struct tls *
tls_new(struct loop *l, const char *pem_path, struct err *e)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context)
		abort(); /* out of memory */
	if (SSL_CTX_use_certificate_chain_file(context, pem_path) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, pem_path, SSL_FILETYPE_PEM) != 1) {
		SSL_CTX_free(context);
		err_set(e, ERR_IO, "%s holds no certificate with its key", pem_path);
		return NULL;
	}
	SSL_CTX_set_mode(
	    context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	struct tls *t = mem_zalloc(sizeof(*t));
	t->loop = l;
	t->context = context;
	TAILQ_INIT(&t->relays);
	TAILQ_INIT(&t->dead);
	defer_init(&t->reap, l, on_reap, t);
	return t;
}

void
tls_free(struct tls *t)
{
	if (!t)
		return;
	while (!TAILQ_EMPTY(&t->relays))
		relay_close(TAILQ_FIRST(&t->relays));
	on_reap(t);
	defer_cancel(&t->reap);
	SSL_CTX_free(t->context);
	free(t);
}

void
tls_counts(const struct tls *t, struct tls_counts *ret)
{
	*ret = t->counts;
}
