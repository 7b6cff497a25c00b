/* TLS sessions that are kept for the next connection to the same receiver: resuming one
 * saves a third of what a handshake costs us, and the receiver its signature.
 *
 * A cache of libcurl's (before 8.12) holds eight sessions, one a receiver, and it is searched from
 * end to end. In an easy handle of its own hardly any session would be found again; one for all
 * would be too small. So there are many, and a receiver has its place in one of them.
 *
 * OpenSSL 3 spoils a session of TLS 1.3 at the end of the first handshake that it resumed, so that
 * each ticket is used once (RFC 8446, C.4). Until the next ticket is read all other connections to
 * that receiver shake hands in full: two of three when 64 are under way and the receiver closes
 * each. The RFC's reason is that observers could tell a client's connections to be of one client;
 * ours come from the address of a server, which says so anyway. OpenSSL does it only while its
 * cache for clients is on, and libcurl's callback for new tickets needs that only after the
 * handshake (before TLS 1.3: only in it). So it is off meanwhile. */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#include "http/client-internal.h"

/* SSL_CTX_set_info_callback(3). libcurl makes a context for each connection. */
static void
on_handshake(const SSL *ssl, int where, UNUSED int ret)
{
	SSL_CTX *context = SSL_get_SSL_CTX(ssl);
	bool done = where & SSL_CB_HANDSHAKE_DONE;
	if (!done && !(where & SSL_CB_LOOP))
		return;
	bool cache = done || SSL_version(ssl) != TLS1_3_VERSION;
	SSL_CTX_set_session_cache_mode(
	    context, SSL_SESS_CACHE_NO_INTERNAL | (cache ? SSL_SESS_CACHE_CLIENT : 0));
	if (done) { /* reading a ticket looks like another handshake */
		SSL_CTX_set_info_callback(context, NULL);
		SSL_set_info_callback((SSL *)(uintptr_t)ssl, NULL);
	}
}

/* CURLOPT_SSL_CTX_FUNCTION: after libcurl has set the context up. */
static CURLcode
on_context(UNUSED CURL *easy, void *context, UNUSED void *arg)
{
	SSL_CTX_set_info_callback(context, on_handshake);
	return CURLE_OK;
}

int
client_tls_cache_of(struct str host, struct str port)
{
	uint32_t hash = 2166136261; /* FNV-1a */
	for (size_t i = 0; i < host.n + port.n; i++) {
		hash ^= (unsigned char)(i < host.n ? host.p[i] : port.p[i - host.n]);
		hash *= 16777619;
	}
	return (int)((hash ^ hash >> 16) % CLIENT_TLS_CACHES);
}

void
client_tls_use(struct client_exchange *x, int cache)
{
	CURLSH **share = &x->client->tls_cache[cache];
	if (x->tls_cache == cache && *share)
		return;
	if (!*share) {
		*share = curl_share_init();
		if (!*share)
			abort(); /* out of memory */
		curl_share_setopt(*share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	}
	x->tls_cache = cache;
	curl_easy_setopt(x->easy, CURLOPT_SHARE, *share);
}

void
client_tls_done(struct client *c)
{
	for (int i = 0; i < CLIENT_TLS_CACHES; i++)
		if (c->tls_cache[i])
			curl_share_cleanup(c->tls_cache[i]);
}

void
client_tls_setup(struct client_exchange *x)
{
	x->tls_cache = -1;
	client_tls_use(x, 0); /* an easy handle without one makes its own */
	const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;
	if (library && strncmp(library, "OpenSSL/", strlen("OpenSSL/")) == 0)
		curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
}
