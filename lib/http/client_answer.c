/* What comes back from a subscriber: header lines and body as they arrive, and what an exchange
 * came to in the end.
 *
 * Everything here is sized by a stranger: header bytes are counted over all heads (a flood of 1xx
 * counts too) and trailers, the body is kept up to keep_body and read up to read_body. A single
 * header line is bounded by libcurl itself (100 kB). Bodies are never decompressed. */
#include <assert.h>
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#include "http/client-internal.h"

static bool
starts_nocase(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq_nocase((struct str){ s.p, prefix.n }, prefix);
}

/* Keeps the value of a Retry-After line; one that is too long is none. */
static void
keep_retry_after(struct client_exchange *x, struct str value)
{
	value = str_trim(value);
	if (value.n > CLIENT_RETRY_AFTER_MAX) {
		x->retry_after_len = -1;
		return;
	}
	if (!x->retry_after)
		x->retry_after = mem_alloc(CLIENT_RETRY_AFTER_MAX);
	memcpy(x->retry_after, value.p, value.n);
	x->retry_after_len = (int)value.n;
}

/* CURLOPT_HEADERFUNCTION: one whole line a call, the status line and the empty one included. */
static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	const struct str retry_after = STR("retry-after:");
	struct client_exchange *x = arg;
	size_t len = size * n;
	x->head_bytes += len;
	if (x->head_bytes > (size_t)x->client->options.head_max)
		return 0; /* CURLE_WRITE_ERROR */
	if (x->status)
		return len; /* trailers */
	struct str line = { data, len };
	while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (starts_nocase(line, STR("HTTP/"))) {
		x->retry_after_len = -1; /* an interim answer's does not count */
	} else if (starts_nocase(line, retry_after)) {
		keep_retry_after(x, (struct str){ line.p + retry_after.n, line.n - retry_after.n });
	} else if (line.n == 0) {
		long status = 0;
		curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
		if (status >= 200)
			x->status = (int)status;
	}
	return len;
}

/* CURLOPT_WRITEFUNCTION: stopping here closes the connection. */
static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct client_exchange *x = arg;
	size_t len = size * n;
	size_t room = x->body.max - x->body.len;
	buf_add(&x->body, data, len < room ? len : room);
	x->body_bytes += len;
	return x->body_bytes > (size_t)x->client->options.read_body ? 0 : len;
}

void
client_answer_setup(struct client_exchange *x)
{
	curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(x->easy, CURLOPT_HTTP09_ALLOWED, 0L);
}

void
client_answer_reset(struct client_exchange *x)
{
	x->status = 0;
	x->head_bytes = 0;
	x->body_bytes = 0;
	buf_clear(&x->body);
	x->retry_after_len = -1;
	x->blocked = false;
	x->sends = 0;
}

/* libcurl's codes. Those that are missing cannot come from HTTP over a pinned address; they count
 * as a broken connection. */
static const struct {
	CURLcode code;
	enum transport transport;
	const char *detail;
} codes[] = {
	{ CURLE_OK, TRANSPORT_PROTOCOL, "no final answer" },
	{ CURLE_UNSUPPORTED_PROTOCOL, TRANSPORT_PROTOCOL, "not an HTTP/1 answer" },
	{ CURLE_WEIRD_SERVER_REPLY, TRANSPORT_PROTOCOL, "not an HTTP answer" },
	{ CURLE_HTTP2, TRANSPORT_PROTOCOL, "not an HTTP/1 answer" },
	{ CURLE_BAD_CONTENT_ENCODING, TRANSPORT_PROTOCOL, "unknown transfer encoding" },
	{ CURLE_WRITE_ERROR, TRANSPORT_PROTOCOL, "answer head too large" },
	{ CURLE_OUT_OF_MEMORY, TRANSPORT_PROTOCOL, "answer header line too long" },
#if LIBCURL_VERSION_NUM >= 0x080600
	{ CURLE_TOO_LARGE, TRANSPORT_PROTOCOL, "answer header line too long" },
#endif
	{ CURLE_URL_MALFORMAT, TRANSPORT_PROTOCOL, "unusable URL" },
	{ CURLE_COULDNT_RESOLVE_HOST, TRANSPORT_RESOLVE, "no address" },
	{ CURLE_COULDNT_CONNECT, TRANSPORT_CONNECT, "connection failed" },
	{ CURLE_INTERFACE_FAILED, TRANSPORT_CONNECT, "connection failed" },
	{ CURLE_OPERATION_TIMEDOUT, TRANSPORT_TIMEOUT, "timed out" },
	{ CURLE_SSL_CONNECT_ERROR, TRANSPORT_TLS, "TLS handshake failed" },
	{ CURLE_PEER_FAILED_VERIFICATION, TRANSPORT_TLS, "certificate is for another name" },
	{ CURLE_SSL_CERTPROBLEM, TRANSPORT_TLS, "certificate unusable" },
	{ CURLE_SSL_CIPHER, TRANSPORT_TLS, "no common cipher" },
	{ CURLE_SSL_CACERT_BADFILE, TRANSPORT_TLS, "CA file unusable" },
	{ CURLE_SSL_ISSUER_ERROR, TRANSPORT_TLS, "certificate issuer refused" },
	{ CURLE_SSL_INVALIDCERTSTATUS, TRANSPORT_TLS, "certificate status invalid" },
	{ CURLE_PARTIAL_FILE, TRANSPORT_RESET, "connection closed inside the answer" },
	{ CURLE_GOT_NOTHING, TRANSPORT_RESET, "connection closed without an answer" },
	{ CURLE_SEND_ERROR, TRANSPORT_RESET, "connection broken while sending" },
	{ CURLE_RECV_ERROR, TRANSPORT_RESET, "connection broken while receiving" },
};

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
connect_detail(CURL *easy, const char *otherwise)
{
	long number = 0;
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	for (size_t i = 0; i < ARRAY_LEN(connect_errors); i++) {
		if (connect_errors[i].number == number)
			return connect_errors[i].detail;
	}
	return otherwise;
}

/* OpenSSL's word on the certificate, when that was the trouble: "certificate has expired". The name
 * is checked by libcurl, which says nothing there. */
static const char *
tls_detail(CURL *easy, const char *otherwise)
{
	long result = X509_V_OK;
	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
	bool said = result != X509_V_OK && result != X509_V_ERR_UNSPECIFIED;
	return said ? X509_verify_cert_error_string(result) : otherwise;
}

static void
describe_failure(struct client_exchange *x, CURLcode code, struct client_response *ret)
{
	ret->transport = TRANSPORT_RESET;
	const char *detail = "transfer failed";
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (codes[i].code == code) {
			ret->transport = codes[i].transport;
			detail = codes[i].detail;
		}
	}
	if (code == CURLE_COULDNT_CONNECT)
		detail = connect_detail(x->easy, detail);
	else if (code == CURLE_PEER_FAILED_VERIFICATION)
		detail = tls_detail(x->easy, detail);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		detail = x->sends ? "timed out waiting for the answer" : "timed out connecting";
	snprintf(ret->detail, sizeof(ret->detail), "%s", detail);
}

void
client_answer_get(struct client_exchange *x, CURLcode code, struct client_response *ret)
{
	ret->transport = TRANSPORT_OK;
	ret->status = x->status;
	ret->body = (struct str){ x->body.data, x->body.len };
	ret->body_cut = x->body_bytes > x->body.len || code != CURLE_OK;
	ret->retry_after = (struct str){ NULL, 0 };
	if (x->retry_after_len >= 0)
		ret->retry_after = (struct str){ x->retry_after, (size_t)x->retry_after_len };
	ret->duration = 0;
	ret->sends = x->sends;
	ret->detail[0] = '\0';
	if (x->status)
		return;
	ret->body.n = 0;
	ret->body_cut = false;
	ret->retry_after = (struct str){ NULL, 0 };
	if (x->blocked) {
		ret->transport = TRANSPORT_BLOCKED;
		snprintf(ret->detail, sizeof(ret->detail), "%s", "address not allowed");
		return;
	}
	describe_failure(x, code, ret);
}
