/* The receiver: the strict HTTP server of lib/http, one on each address, and what it does with a
 * delivery. The path says which endpoint it is for, the body which event it is. */
#include "receiver.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#include "certificate.h"
#include "http/server.h"
#include "script.h"

#define LISTENERS_MAX   250
#define CONNECTIONS_MAX 20000 /* on each address; a server may open one for each delivery */
#define PATH            "/hook/"
#define SHARE_ONE       1000000 /* see options.def, SHARE */
#define ADMIT_MAX       1000000 /* events by which a number may be ahead of all before it */

struct listener {
	int fd;
	char address[64]; /* "127.0.1.3:40001" */
	struct http_server *server;
	struct tls_door door;
};

struct receiver {
	const struct options *options;
	const struct fleet *fleet;
	const struct payload *payload;
	struct account *account;
	struct measure *measure;
	struct script *script;
	struct tls *tls; /* NULL: plain HTTP */
	struct receiver_counts counts;
	int64_t verify_credit; /* millionths of a signature that are due */
	int dead_fd;           /* bound and not listening: connections to it are refused */
	char dead_address[64];
	int nlisteners;
	struct listener listener[LISTENERS_MAX];
};

/* --- deliveries --- */

static struct str
signed_header(const struct http_request *rq, const char *name, const char *svix_name)
{
	struct str value = http_header_get(rq, name);
	return value.p ? value : http_header_get(rq, svix_name);
}

static bool
signature_is_right(const struct hook *h, const struct http_request *rq)
{
	struct str id = signed_header(rq, "webhook-id", "svix-id");
	struct str timestamp = signed_header(rq, "webhook-timestamp", "svix-timestamp");
	struct str given = signed_header(rq, "webhook-signature", "svix-signature"), one;
	char wanted[SIGN_HEADER_SIZE];
	int64_t seconds;
	if (!id.p || str_to_i64(timestamp, 0, INT64_MAX, &seconds))
		return false;
	size_t n = sign_header(&h->key, 1, id, seconds, rq->body, wanted);
	while (str_split(&given, ' ', &one))
		if (str_eq(one, (struct str){ wanted, n }))
			return true;
	return false;
}

static void
verify(struct receiver *r, const struct hook *h, const struct http_request *rq)
{
	r->verify_credit += r->options->verify;
	if (r->verify_credit < SHARE_ONE)
		return;
	r->verify_credit -= SHARE_ONE;
	r->counts.verified++;
	if (!signature_is_right(h, rq))
		r->counts.wrong++;
}

/* The endpoint that a path names, or -1. */
static int
hook_of(const struct receiver *r, struct str path)
{
	int64_t hook;
	if (!str_starts(path, STR(PATH)))
		return -1;
	struct str number = { path.p + strlen(PATH), path.n - strlen(PATH) };
	return str_to_i64(number, 0, r->fleet->nhooks - 1, &hook) ? -1 : (int)hook;
}

/* Without a generator here, the events up to the highest number that comes are those posted. */
static void
admit(struct receiver *r, int64_t number, usec_t now)
{
	if (number - account_events(r->account) > ADMIT_MAX)
		return; /* it stays unexpected */
	while (account_events(r->account) <= number)
		account_admit(r->account, 0, now);
}

/* Books an attempt; returns whether the endpoint takes it. */
static bool
book(struct receiver *r, int hook, int64_t number, usec_t now)
{
	int rule = r->fleet->hook[hook].rule;
	int app = hook / r->fleet->endpoints, endpoint = hook % r->fleet->endpoints;
	bool seen = account_seen(r->account, number, app, endpoint);
	bool takes = script_takes(r->script, rule, seen);
	usec_t due;
	if (account_receive(r->account, number, app, endpoint, takes, &due) == RECEIPT_FIRST)
		measure_receipt(r->measure, rule,
		    fleet_rule(r->fleet, hook)->behaviour == BEHAVE_INSTANT, due, now);
	return takes;
}

static void
on_request(void *ctx, struct http_request *rq)
{
	struct receiver *r = ctx;
	usec_t now = clock_mono(); /* not loop_now: a turn may serve hundreds */
	int64_t number = -1;
	int hook = hook_of(r, rq->path);
	enum payload_verdict verdict =
	    hook < 0 ? PAYLOAD_FOREIGN : payload_read(r->payload, rq->body, &number);
	if (verdict == PAYLOAD_FOREIGN) {
		r->counts.foreign++;
		http_reply(rq, hook < 0 ? 404 : 200, NULL, STR(""), "");
		return;
	}
	r->counts.altered += verdict == PAYLOAD_ALTERED;
	r->counts.first = r->counts.first ? r->counts.first : now;
	r->counts.last = now;
	if (r->options->receive_only)
		admit(r, number, now);
	bool takes = book(r, hook, number, now);
	verify(r, &r->fleet->hook[hook], rq);
	script_answer(r->script, r->fleet->hook[hook].rule, takes, rq);
}

/* --- listening --- */

static int
listen_on(struct receiver *r, struct loop *l, const char *host_port, struct err *e)
{
	struct listener *at = &r->listener[r->nlisteners];
	struct http_limits limits;
	int port;
	if (http_listen(host_port, &at->fd, &port, e))
		return -1;
	r->nlisteners++;
	http_limits_default(&limits);
	limits.connections_max = CONNECTIONS_MAX;
	at->server = http_server_new(l, at->fd, &limits, on_request, r);
	if (r->tls)
		tls_guard(r->tls, at->server, &at->door);
	const char *colon = strrchr(host_port, ':');
	snprintf(
	    at->address, sizeof(at->address), "%.*s:%d", (int)(colon - host_port), host_port, port);
	return 0;
}

static int
listen_all(struct receiver *r, struct loop *l, struct err *e)
{
	if (r->options->addresses == 0)
		return listen_on(r, l, r->options->listen, e);
	for (int i = 1; i <= r->options->addresses; i++) {
		char host_port[32];
		snprintf(host_port, sizeof(host_port), "127.0.1.%d:0", i);
		if (listen_on(r, l, host_port, e))
			return -1;
	}
	return 0;
}

static int
open_tls(struct receiver *r, struct loop *l, struct err *e)
{
	const struct options *o = r->options;
	if (!o->tls)
		return 0;
	if (certificate_make(o->tls, (int)o->addresses, e))
		return -1;
	r->tls = tls_new(l, o->tls, e);
	return r->tls ? 0 : -1;
}

/* Takes a port and leaves it closed, so that nobody else opens it meanwhile. */
static int
reserve_dead_port(struct receiver *r, struct err *e)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	r->dead_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (r->dead_fd < 0 || bind(r->dead_fd, (struct sockaddr *)&a, n) ||
	    getsockname(r->dead_fd, (struct sockaddr *)&a, &n))
		return err_errno(e, ERR_IO, "cannot reserve a port");
	snprintf(r->dead_address, sizeof(r->dead_address), "127.0.0.1:%d", ntohs(a.sin_port));
	return 0;
}

struct receiver *
receiver_new(struct loop *l, const struct options *o, const struct fleet *fleet,
    const struct payload *payload, struct account *account, struct measure *measure, struct err *e)
{
	struct receiver *r = mem_zalloc(sizeof(*r));
	r->options = o;
	r->fleet = fleet;
	r->payload = payload;
	r->account = account;
	r->measure = measure;
	r->script = script_new(l, &fleet->mix);
	r->dead_fd = -1;
	if (open_tls(r, l, e) || listen_all(r, l, e) || reserve_dead_port(r, e)) {
		receiver_free(r);
		return NULL;
	}
	return r;
}

void
receiver_free(struct receiver *r)
{
	if (!r)
		return;
	for (int i = 0; i < r->nlisteners; i++) {
		http_server_free(r->listener[i].server);
		close(r->listener[i].fd);
	}
	if (r->dead_fd >= 0)
		close(r->dead_fd);
	script_free(r->script);
	tls_free(r->tls);
	free(r);
}

const char *
receiver_url(const struct receiver *r, int hook, char out[RECEIVER_URL_SIZE])
{
	const char *address = r->listener[hook % r->nlisteners].address;
	if (fleet_rule(r->fleet, hook)->behaviour == BEHAVE_DEAD)
		address = r->dead_address;
	else if (r->options->hook_url) {
		snprintf(out, RECEIVER_URL_SIZE, "%s" PATH "%d", r->options->hook_url, hook);
		return out;
	}
	snprintf(
	    out, RECEIVER_URL_SIZE, "%s://%s" PATH "%d", r->tls ? "https" : "http", address, hook);
	return out;
}

void
receiver_counts(const struct receiver *r, struct receiver_counts *ret)
{
	*ret = r->counts;
	if (r->tls)
		tls_counts(r->tls, &ret->tls);
}
