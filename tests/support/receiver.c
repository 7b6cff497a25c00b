/* The scripted subscriber. Test code: what cannot happen aborts. */
#include "receiver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define REQUEST_MAX (4 << 20)
#define BURST       (256 << 10) /* bytes written to one connection before the others have their turn */

struct connection {
	LIST_ENTRY(connection) entry;
	struct receiver *receiver;
	int ordinal;
	int fd;
	SSL *ssl; /* owned; NULL for plain */
	struct event *readable, *writable;
	struct timer pause;
	struct buf in;
	bool playing;                     /* a request is being answered or held back */
	const struct receiver_play *play; /* NULL: held back */
	struct str out;                   /* what is left of bytes or again */
};

struct receiver {
	struct loop *loop;
	SSL_CTX *tls;
	receiver_fn fn;
	void *arg;
	int fd;
	struct sockaddr_storage address;
	struct event *acceptable;
	enum receiver_end on_accept;
	struct receiver_counts counts;
	LIST_HEAD(, connection) connections;
};

static void
connection_free(struct connection *c, bool reset)
{
	if (c->playing && !c->play)
		c->receiver->counts.held--;
	c->receiver->counts.open--;
	LIST_REMOVE(c, entry);
	event_free(c->readable);
	event_free(c->writable);
	timer_done(&c->pause);
	buf_free(&c->in);
	if (c->ssl) {
		if (!reset)
			SSL_shutdown(c->ssl); /* close_notify */
		SSL_free(c->ssl);
	}
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->fd);
	free(c);
}

/* read(2) and write(2), through TLS where there is some: > 0 bytes, 0: later, -1: over. */
static ssize_t
transfer(struct connection *c, void *p, size_t n, bool writing)
{
	if (c->ssl) {
		size_t done = 0;
		int ok =
		    writing ? SSL_write_ex(c->ssl, p, n, &done) : SSL_read_ex(c->ssl, p, n, &done);
		if (ok)
			return (ssize_t)done;
		int why = SSL_get_error(c->ssl, ok);
		return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
	}
	ssize_t got = writing ? send(c->fd, p, n, MSG_NOSIGNAL) : recv(c->fd, p, n, 0);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	return got == 0 ? -1 : got;
}

static bool connection_answer(struct connection *c);

/* Writes what the play says. false: the connection is gone. */
static bool
connection_pump(struct connection *c)
{
	const struct receiver_play *play = c->play;
	size_t burst = 0;
	while (c->playing && play) {
		if (c->out.n && burst < BURST) {
			ssize_t n = transfer(c, (char *)(uintptr_t)c->out.p, c->out.n, true);
			if (n < 0) {
				connection_free(c, false);
				return false;
			}
			c->out.p += n;
			c->out.n -= (size_t)n;
			c->receiver->counts.written += n;
			burst += (size_t)n;
			if (n > 0)
				continue;
		}
		if (c->out.n) {
			event_add(c->writable, NULL);
			return true;
		}
		if (play->again.n) {
			c->out = play->again;
			timer_set(&c->pause, play->again_ms * USEC_PER_MS);
			return true;
		}
		if (play->end != RECEIVER_KEEP) {
			connection_free(c, play->end == RECEIVER_RESET);
			return false;
		}
		if (!play->bytes.n)
			return true; /* a black hole stays one */
		c->playing = false;
	}
	return connection_answer(c);
}

/* Content-Length of a head, 0 when it has none. */
static size_t
body_bytes(struct str head)
{
	char *field = strcasestr(head.p, "\r\ncontent-length:");
	if (!field || field > head.p + head.n)
		return 0;
	struct str value = { field + 17, strcspn(field + 17, "\r") };
	int64_t n;
	return str_to_i64(str_trim(value), 0, REQUEST_MAX, &n) ? 0 : (size_t)n;
}

/* Takes one whole request from the input and begins its play. false: the connection is gone. */
static bool
connection_answer(struct connection *c)
{
	struct receiver *r = c->receiver;
	char *end = c->playing ? NULL : strstr(c->in.data, "\r\n\r\n");
	if (!end)
		return true;
	struct str head = { c->in.data, (size_t)(end + 4 - c->in.data) };
	struct str body = { end + 4, body_bytes(head) };
	if (c->in.len < head.n + body.n)
		return true;
	const struct receiver_request rq = {
		.number = ++r->counts.requests,
		.connection = c->ordinal,
		.head = head,
		.body = body,
	};
	c->playing = true;
	c->play = r->fn(r->arg, &rq);
	buf_consume(&c->in, head.n + body.n);
	if (!c->play) {
		r->counts.held++;
		return true;
	}
	c->out = c->play->bytes;
	return connection_pump(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct connection *c = arg;
	for (;;) {
		char bytes[16384];
		ssize_t n = transfer(c, bytes, sizeof(bytes), false);
		if (n < 0) {
			connection_free(c, false);
			return;
		}
		if (n == 0)
			break;
		buf_add(&c->in, bytes, (size_t)n);
		assert(!c->in.failed);
	}
	connection_answer(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	connection_pump(arg);
}

static void
on_pause_over(void *arg)
{
	connection_pump(arg);
}

static void
on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
	(void)what;
	struct receiver *r = arg;
	int fd;
	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *c = mem_zalloc(sizeof(*c));
		c->receiver = r;
		c->ordinal = ++r->counts.accepted;
		r->counts.open++;
		c->fd = fd;
		buf_init(&c->in, REQUEST_MAX);
		timer_init(&c->pause, r->loop, on_pause_over, c);
		struct event_base *base = loop_base(r->loop);
		c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
		c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
		LIST_INSERT_HEAD(&r->connections, c, entry);
		if (r->on_accept != RECEIVER_KEEP) {
			connection_free(c, r->on_accept == RECEIVER_RESET);
			continue;
		}
		if (r->tls) {
			c->ssl = SSL_new(r->tls);
			SSL_set_fd(c->ssl, fd);
			SSL_set_accept_state(c->ssl);
		}
		event_add(c->readable, NULL);
	}
}

struct receiver *
receiver_new(struct loop *l, const char *address, SSL_CTX *tls, receiver_fn fn, void *arg)
{
	struct receiver *r = mem_zalloc(sizeof(*r));
	r->loop = l;
	r->tls = tls;
	r->fn = fn;
	r->arg = arg;
	LIST_INIT(&r->connections);
	struct sockaddr_in *sin = (struct sockaddr_in *)&r->address;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&r->address;
	bool v4 = inet_pton(AF_INET, address, &sin->sin_addr) == 1;
	if (!v4 && inet_pton(AF_INET6, address, &sin6->sin6_addr) != 1)
		abort();
	r->address.ss_family = v4 ? AF_INET : AF_INET6;
	socklen_t n = v4 ? sizeof(*sin) : sizeof(*sin6);
	r->fd = socket(r->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0 || bind(r->fd, (struct sockaddr *)&r->address, n) || listen(r->fd, 4096) ||
	    getsockname(r->fd, (struct sockaddr *)&r->address, &n)) {
		perror("receiver");
		abort();
	}
	r->acceptable = event_new(loop_base(l), r->fd, EV_READ | EV_PERSIST, on_acceptable, r);
	event_add(r->acceptable, NULL);
	return r;
}

void
receiver_close_connections(struct receiver *r)
{
	struct connection *c;
	while ((c = LIST_FIRST(&r->connections)))
		connection_free(c, false);
}

void
receiver_free(struct receiver *r)
{
	receiver_close_connections(r);
	event_free(r->acceptable);
	close(r->fd);
	free(r);
}

const struct sockaddr_storage *
receiver_address(const struct receiver *r)
{
	return &r->address;
}

int
receiver_port(const struct receiver *r)
{
	/* The port stands at the same place in both families. */
	return ntohs(((const struct sockaddr_in *)&r->address)->sin_port);
}

struct receiver_counts
receiver_counts(const struct receiver *r)
{
	return r->counts;
}

void
receiver_on_accept(struct receiver *r, enum receiver_end end)
{
	r->on_accept = end;
}

void
receiver_release(struct receiver *r, const struct receiver_play *play)
{
	struct connection *c = LIST_FIRST(&r->connections), *next;
	for (; c; c = next) {
		next = LIST_NEXT(c, entry);
		if (!c->playing || c->play)
			continue;
		r->counts.held--;
		c->play = play;
		c->out = play->bytes;
		connection_pump(c);
	}
}

const struct receiver_play *
receiver_scripted(void *arg, const struct receiver_request *rq)
{
	(void)rq;
	struct receiver_script *s = arg;
	const struct receiver_play *play = &s->plays[s->next];
	if (s->next < s->n - 1)
		s->next++;
	return play;
}

static X509 *
self_signed(EVP_PKEY *key, const char *name)
{
	char names[300];
	snprintf(names, sizeof(names), "DNS:%s,IP:127.0.0.1", name);
	X509 *cert = X509_new();
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME *subject = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	X509_set_pubkey(cert, key);
	if (!X509_sign(cert, key, EVP_sha256()))
		abort();
	return cert;
}

SSL_CTX *
receiver_tls_new(const char *name, const char *pem_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = self_signed(key, name);
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate(tls, cert) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1)
		abort();
	if (pem_path) {
		FILE *f = fopen(pem_path, "w");
		if (!f || !PEM_write_X509(f, cert) || fclose(f))
			abort();
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	return tls;
}
