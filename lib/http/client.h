/* The sender's HTTP client: HTTP/1.1 over connections of its own, plain or TLS (docs/adr/0008).
 *
 * Every exchange has one deadline over all of it (connect, TLS, request, answer), bounded answer
 * bytes, no redirects, no environment proxies, no cookies, no Expect. The connection goes to the
 * given address (CURLOPT_CONNECT_TO), and the address is judged again when the socket is opened and
 * when a kept connection is used again. Kept connections are bounded; TLS certificates are always
 * verified unless the options say otherwise.
 *
 * Once the head of the final answer is whole, its status is the outcome, whatever becomes of the
 * body: the receiver has spoken, and repeating the request would only duplicate it. A body that is
 * over the bound, breaks off or is still dripping at the deadline sets body_cut.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include "http/answer_parser.h"
#include "loop/loop.h"
#include "policy/address.h"
#include "policy/classify.h"

struct client_options {
	int connections_max; /* idle ones that are kept; default 1024 */
	int keep_body;       /* bytes of an answer's body kept; default 16384 */
	int read_body; /* bytes of a body read before the connection is closed; default 65536 */
	int head_max;  /* bytes of an answer's header section; default 65536 */
	const char *ca_file;    /* NULL: the system's bundle file; copied */
	const char *user_agent; /* NULL: none; copied. A request's own line goes before it */
	bool insecure_tls;      /* tests only: certificates are not verified */
};
void client_options_default(struct client_options *o);

struct client; /* opaque */
/* policy is borrowed, must outlive the client and may change in place (then client_drop_idle). */
struct client *client_new(struct loop *l, const struct address_policy *policy,
    const struct client_options *o, struct err *e);
/* Aborts what is under way without calling back. Allowed inside a client_fn. */
void client_free(struct client *c);

/* A parsed URL with what can be prepared once per endpoint: POST requests go there. ERR_INVALID:
 * not http or https, user information, or no URL at all. */
struct client_target; /* opaque */
struct client_target *client_target_new(const char *url, struct err *e);
/* The same for OPTIONS requests, which have no body (and then no Content-Length). */
struct client_target *client_target_new_options(const char *url, struct err *e);
void client_target_free(struct client_target *t); /* not while an exchange uses it */

#define CLIENT_HEADERS_MAX 80

struct client_request {
	struct client_target *target;      /* borrowed until the callback */
	const struct sockaddr_storage *to; /* where to connect; copied. Port 0: the URL's */
	const char *const *headers;   /* "name: value" lines without CR and LF, borrowed until the
				       * callback, the array for the call; only Host, Content-Length
				       * and the option's User-Agent are added */
	int nheaders;                 /* at most CLIENT_HEADERS_MAX */
	struct str body;              /* borrowed until the callback */
	int64_t timeout_ms;           /* of the whole exchange */
	struct answer_wanted *wanted; /* fields of the answer besides Retry-After, which holds them
				       * in the callback; borrowed until then. NULL: none */
};

struct client_response {
	enum transport transport;
	int status;             /* 0 unless TRANSPORT_OK */
	struct str body;        /* at most keep_body bytes; borrowed for the call */
	bool body_cut;          /* there was more */
	struct str retry_after; /* the field's value, trimmed; {NULL, 0} when absent */
	usec_t duration;        /* from client_start to the end */
	int sends; /* requests really written; 2: a kept connection died before an answer, and the
		    * request was repeated on a new one */
	char detail[96]; /* for people: "connection refused", "certificate has expired"; never an
			  * address; "" for TRANSPORT_OK */
};

/* Exactly once, never from inside client_start; not after client_abort. */
typedef void (*client_fn)(void *arg, const struct client_response *r);
struct client_exchange; /* opaque */

struct client_exchange *client_start(
    struct client *c, const struct client_request *rq, client_fn fn, void *arg);
void client_abort(struct client_exchange *x); /* closes its connection; no callback */
int client_in_flight(const struct client *c);
/* Closes kept connections, e.g. after a change of policy. */
void client_drop_idle(struct client *c);
