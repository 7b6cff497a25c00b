/* The bytes of the client's connections: plain, or by TLS with OpenSSL.
 *
 * TLS: 1.2 or later; the certificate must be signed by a root of the CA file and be for the name of
 * the URL, or for its address when the name is one (RFC 6125; RFC 9110, section 4.3.4). What is
 * checked is set on each connection before the handshake, and OpenSSL ends the handshake when it
 * does not hold, so no byte of a request goes to anybody else.
 *
 * One context serves all connections. The roots are read for the first of them (20 ms) and once a
 * day. Buffers are given back while a connection is silent (SSL_MODE_RELEASE_BUFFERS,
 * SSL_free_buffers).
 *
 * A session is resumed only towards the origin that it was made with, and for a day: resuming skips
 * the check of the certificate, and the check of the name with it, and each session brings the
 * next.
 *
 * What a peer can make OpenSSL do is bounded, for it goes on as long as it finds bytes: records
 * without data, session tickets, greetings during the handshake, changes of keys. Our own BIO lets
 * a call find TURN_BYTES at most, and a connection that brings SILENT_MAX without any data is
 * broken. Key exchanges over finite fields are not offered: with the largest ones a handshake takes
 * a tenth of a second, and a receiver chooses. */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#include "http/client-internal.h"

#define ROOTS_AGE    (24 * 3600 * USEC_PER_SEC) /* a new bundle counts within a day */
#define SESSIONS_MAX 512                        /* some 10 kB each, with the peer's certificates */
#define SESSION_AGE  (24 * 3600 * USEC_PER_SEC) /* since the certificate was checked */
#define TURN_BYTES   16384
#define SILENT_MAX   (256 << 10) /* certificates have 100 kB (SSL_CTX_set_max_cert_list(3)) */

struct client_tls {
	SSL_CTX *context;
	BIO_METHOD *bio;
	char *ca_file;   /* owned; NULL: there is none, or nothing is verified */
	usec_t roots_at; /* when it was read; 0: not yet */
	struct {
		struct client_origin *origin; /* a reference; NULL: free */
		SSL_SESSION *session;
		usec_t checked_at; /* when the peer last showed its certificate */
	} sessions[SESSIONS_MAX];
	unsigned next; /* to be replaced */
};

/* ---- sessions ---- */

/* The place of the origin's session, or -1. */
static int
session_find(const struct client_tls *t, const struct client_origin *origin)
{
	for (int i = 0; i < SESSIONS_MAX && t->sessions[i].origin; i++) {
		if (client_origin_equal(t->sessions[i].origin, origin))
			return i;
	}
	return -1;
}

static void
session_drop(struct client_tls *t, int i)
{
	if (!t->sessions[i].origin)
		return;
	client_origin_unref(t->sessions[i].origin);
	SSL_SESSION_free(t->sessions[i].session);
}

/* Offers what there is for the origin. OpenSSL 3 spoils a session of TLS 1.3 at the end of the
 * first handshake that it resumed, so that each ticket is used once (RFC 8446, C.4), and until the
 * next ticket is read all other connections to that receiver would shake hands in full. The RFC's
 * reason is that observers could tell a client's connections to be of one client; ours come from
 * the address of a server, which says so anyway. Hence a copy. */
static void
session_offer(const struct client_tls *t, const struct client_origin *origin, SSL *ssl)
{
	int i = session_find(t, origin);
	if (i < 0 || clock_mono() - t->sessions[i].checked_at > SESSION_AGE)
		return;
	SSL_SESSION *copy = SSL_SESSION_dup(t->sessions[i].session);
	if (copy)
		SSL_set_session(ssl, copy);
	SSL_SESSION_free(copy);
}

/* Called by OpenSSL when the peer has offered a session; 1 keeps the reference. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct client_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct client_origin *origin = SSL_get_app_data(ssl);
	int i = session_find(t, origin);
	if (SSL_session_reused(ssl)) {
		if (i < 0)
			return 0; /* it is not known any more how old that one was */
	} else {
		if (i < 0)
			i = (int)(t->next++ % SESSIONS_MAX);
		t->sessions[i].checked_at = clock_mono();
	}
	client_origin_ref(origin); /* before the drop: it may be the same one's last */
	session_drop(t, i);
	t->sessions[i].origin = origin;
	t->sessions[i].session = session;
	return 1;
}

/* ---- the socket, from OpenSSL's side ---- */

static int
bio_read(BIO *b, char *p, int n)
{
	struct client_wire *w = BIO_get_data(b);
	int room = n < w->turn ? n : w->turn;
	BIO_clear_retry_flags(b);
	ssize_t got = room ? recv(w->fd, p, (size_t)room, 0) : -1;
	if (got > 0) {
		w->turn -= (int)got;
		w->silent += (int)got;
	} else if (got < 0 && (room == 0 || errno == EAGAIN || errno == EINTR)) {
		BIO_set_retry_read(b);
	}
	return (int)got;
}

static int
bio_write(BIO *b, const char *p, int n)
{
	const struct client_wire *w = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	ssize_t put = send(w->fd, p, (size_t)n, MSG_NOSIGNAL);
	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(b);
	return (int)put;
}

static long
bio_ctrl(BIO *b, int command, long number, void *pointer)
{
	(void)b, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH; /* there is nothing to flush */
}

static int
bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *
bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	if (!m)
		abort(); /* out of memory */
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_ctrl(m, bio_ctrl);
	BIO_meth_set_create(m, bio_create);
	return m;
}

/* ---- the context ---- */

/* Reads the roots when they are needed and not of today. False: there are none. */
static bool
roots_read(struct client_tls *t)
{
	usec_t now = clock_mono();
	if (!t->ca_file || (t->roots_at && now - t->roots_at < ROOTS_AGE))
		return true;
	X509_STORE *store = X509_STORE_new();
	if (!store)
		abort(); /* out of memory */
	if (X509_STORE_load_file(store, t->ca_file) == 1) {
		SSL_CTX_set_cert_store(t->context, store); /* takes it */
		t->roots_at = now;
	} else {
		X509_STORE_free(store);
	}
	return t->roots_at; /* those of yesterday will do */
}

struct client_tls *
client_tls_new(const char *ca_file, bool insecure)
{
	static const unsigned char protocols[] = "\x08http/1.1";
	SSL_CTX *x = SSL_CTX_new(TLS_client_method());
	if (!x)
		abort(); /* out of memory */
	SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION);
	SSL_CTX_set_options(x, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(x, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	/* An intermediate certificate in the CA file is a root, as for curl. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(x), X509_V_FLAG_PARTIAL_CHAIN);
	char groups[] = "X25519:P-256:X448:P-521:P-384"; /* the macro casts const away */
	if (!SSL_CTX_set_cipher_list(x, "DEFAULT:!kDHE") || !SSL_CTX_set1_groups_list(x, groups))
		abort(); /* out of memory */
	SSL_CTX_set_alpn_protos(x, protocols, sizeof(protocols) - 1);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(x, on_session);
	struct client_tls *t = mem_zalloc(sizeof(*t));
	t->context = x;
	t->bio = bio_method();
	t->ca_file = ca_file && !insecure ? mem_strdup(ca_file) : NULL;
	SSL_CTX_set_app_data(x, t);
	return t;
}

void
client_tls_free(struct client_tls *t)
{
	if (!t)
		return;
	for (int i = 0; i < SESSIONS_MAX; i++)
		session_drop(t, i);
	SSL_CTX_free(t->context);
	BIO_meth_free(t->bio);
	free(t->ca_file);
	free(t);
}

/* ---- the handshake ---- */

bool
wire_tls_start(struct client_wire *w, struct client_tls *t, struct client_origin *origin)
{
	if (!roots_read(t))
		return false;
	SSL *ssl = SSL_new(t->context);
	BIO *bio = BIO_new(t->bio);
	if (!ssl || !bio)
		abort(); /* out of memory */
	BIO_set_data(bio, w);
	SSL_set_bio(ssl, bio, bio); /* takes it */
	SSL_set_app_data(ssl, origin);
	int ok;
	if (origin->is_address) {
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), origin->name);
	} else {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		/* What is checked, and what is asked for. */
		ok =
		    SSL_set1_host(ssl, origin->name) && SSL_set_tlsext_host_name(ssl, origin->name);
	}
	if (!ok)
		abort(); /* out of memory; a name that is too long for TLS: see client_target.c */
	session_offer(t, origin, ssl);
	SSL_set_connect_state(ssl);
	w->ssl = ssl;
	return true;
}

/* Before a call of OpenSSL that reads. */
static void
turn_begin(struct client_wire *w)
{
	ERR_clear_error(); /* of earlier calls on other connections: SSL_get_error(3) */
	w->turn = TURN_BYTES;
}

/* What a call of OpenSSL that did not succeed came to. */
static int
tls_result(struct client_wire *w, int code)
{
	if (w->silent > SILENT_MAX)
		return WIRE_BROKEN;
	switch (SSL_get_error(w->ssl, code)) {
	case SSL_ERROR_WANT_READ:
		w->blocked = EPOLLIN;
		return WIRE_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		w->blocked = EPOLLOUT;
		return WIRE_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return WIRE_END;
	default:
		return WIRE_BROKEN;
	}
}

int
wire_handshake(struct client_wire *w)
{
	turn_begin(w);
	int code = SSL_do_handshake(w->ssl);
	if (code == 1)
		return 1;
	return tls_result(w, code) == WIRE_AGAIN ? WIRE_AGAIN : WIRE_BROKEN;
}

void
wire_handshake_detail(const struct client_wire *w, char *out, size_t size)
{
	long result = SSL_get_verify_result(w->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH)
		snprintf(out, size, "certificate is for another name");
	else if (result != X509_V_OK)
		snprintf(out, size, "%s", X509_verify_cert_error_string(result));
	else if (w->silent > SILENT_MAX)
		snprintf(out, size, "TLS handshake failed: it does not end");
	else
		snprintf(
		    out, size, "TLS handshake failed: %s", reason ? reason : "connection closed");
}

/* ---- bytes ---- */

void
wire_rest(struct client_wire *w)
{
	/* When it reads a session ticket OpenSSL 3 takes a buffer to write with, and keeps it until
	 * the next write. */
	if (w->ssl)
		SSL_free_buffers(w->ssl);
}

static ssize_t
plain_result(struct client_wire *w, ssize_t n, uint32_t blocked)
{
	if (n >= 0)
		return n;
	w->blocked = blocked;
	return errno == EAGAIN || errno == EINTR ? WIRE_AGAIN : WIRE_BROKEN;
}

ssize_t
wire_read(struct client_wire *w, void *p, size_t n)
{
	if (!w->ssl)
		return plain_result(w, recv(w->fd, p, n, 0), EPOLLIN);
	size_t got;
	turn_begin(w);
	int code = SSL_read_ex(w->ssl, p, n, &got);
	if (code == 1) {
		w->silent = 0;
		return (ssize_t)got;
	}
	int result = tls_result(w, code);
	if (result == WIRE_AGAIN)
		wire_rest(w);
	return result;
}

/* Nearly always there is nothing, which the socket knows better than OpenSSL. */
bool
wire_is_silent(struct client_wire *w)
{
	char unasked;
	ssize_t n = recv(w->fd, &unasked, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	return n > 0 && w->ssl && wire_read(w, &unasked, 1) == WIRE_AGAIN;
}

ssize_t
wire_write(struct client_wire *w, const void *p, size_t n)
{
	if (!w->ssl)
		return plain_result(w, send(w->fd, p, n, MSG_NOSIGNAL), EPOLLOUT);
	size_t put;
	ERR_clear_error();
	int code = SSL_write_ex(w->ssl, p, n, &put);
	if (code == 1)
		return (ssize_t)put;
	int result = tls_result(w, code);
	return result == WIRE_END ? WIRE_BROKEN : result;
}

bool
wire_pending(const struct client_wire *w)
{
	return w->ssl && SSL_has_pending(w->ssl);
}

void
wire_close(struct client_wire *w)
{
	if (w->ssl) {
		ERR_clear_error();
		if (SSL_is_init_finished(w->ssl))
			SSL_shutdown(w->ssl); /* says goodbye; the answer is not waited for */
		SSL_free(w->ssl);
	}
	close(w->fd);
}
