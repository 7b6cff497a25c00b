/* The HTTP client: made, told what to send, freed.
 *
 * client_start puts an exchange into `queued`; the deferred `work` sets the queued ones going
 * (client_exchange.c). So a client_fn runs from the loop only: from work, from an event of a
 * connection, or from a deadline. Inside it everything of client.h may be called; client_free takes
 * effect when it has returned (client_leave). */
#include "http/client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include "http/client-internal.h"

/* Exchanges that are started in one turn: some 2 ms of work, so that a burst of starts does not
 * keep the loop from its other sockets. The rest follows in the next turn. */
#define START_MAX        256

#define REQUEST_HEAD_MAX (1 << 20) /* bytes; the API allows less than a tenth */

/* How often it is looked whether memory can be given back: exchanges that were not needed since the
 * last time, and connections that are too old to be used again. */
#define REST (10 * USEC_PER_SEC)

static void on_work(void *arg);
static void on_rest(void *arg);

void
client_options_default(struct client_options *o)
{
	*o = (struct client_options){
		.connections_max = 1024,
		.keep_body = 16384,
		.read_body = 65536,
		.head_max = 65536,
	};
}

/* The bundle file of the system. */
static const char *
system_ca_file(void)
{
	const char *files[] = {
		curl_version_info(CURLVERSION_NOW)->cainfo,
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/cert.pem",
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i] && access(files[i], R_OK) == 0)
			return files[i];
	}
	return NULL;
}

struct client *
client_new(struct loop *l, const struct address_policy *policy, const struct client_options *o,
    struct err *e)
{
	if (o->ca_file && access(o->ca_file, R_OK)) {
		err_errno(e, ERR_CONFIG, "CA file %s", o->ca_file);
		return NULL;
	}
	struct client *c = mem_zalloc(sizeof(*c));
	c->loop = l;
	c->policy = policy;
	c->options = *o;
	c->options.ca_file = NULL;
	c->options.user_agent = o->user_agent ? mem_strdup(o->user_agent) : NULL;
	c->tls = client_tls_new(o->ca_file ? o->ca_file : system_ca_file(), o->insecure_tls);
	TAILQ_INIT(&c->queued);
	TAILQ_INIT(&c->running);
	TAILQ_INIT(&c->pool);
	TAILQ_INIT(&c->idle);
	c->nbuckets = 64;
	while (c->nbuckets < (uint32_t)o->connections_max)
		c->nbuckets *= 2;
	c->buckets = mem_zalloc(c->nbuckets * sizeof(*c->buckets));
	buf_init(&c->out, REQUEST_HEAD_MAX);
	defer_init(&c->work, l, on_work, c);
	timer_init(&c->rest, l, on_rest, c);
	client_sockets_init(c);
	return c;
}

static void
pool_shrink(struct client *c, int n)
{
	for (; n > 0; n--) {
		struct client_exchange *coldest = TAILQ_LAST(&c->pool, exchange_list);
		TAILQ_REMOVE(&c->pool, coldest, entry);
		c->pooled--;
		exchange_free(coldest);
	}
}

static void
on_rest(void *arg)
{
	struct client *c = arg;
	pool_shrink(c, c->pooled_least);
	c->pooled_least = c->pooled;
	client_trim(c);
	if (c->pooled || c->in_flight || !TAILQ_EMPTY(&c->idle))
		timer_set(&c->rest, REST);
}

static void
client_destroy(struct client *c)
{
	pool_shrink(c, c->pooled);
	client_drop_idle(c);
	client_sockets_done(c);
	defer_cancel(&c->work);
	timer_done(&c->rest);
	client_tls_free(c->tls);
	buf_free(&c->out);
	free(c->buckets);
	free((char *)(uintptr_t)c->options.user_agent);
	free(c);
}

void
client_enter(struct client *c)
{
	assert(!c->calling);
	c->calling = true;
}

void
client_leave(struct client *c)
{
	c->calling = false;
	if (c->dying)
		client_destroy(c);
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	struct client_exchange *x;
	while ((x = TAILQ_FIRST(&c->queued)) || (x = TAILQ_FIRST(&c->running)))
		client_abort(x);
	if (c->calling)
		c->dying = true;
	else
		client_destroy(c);
}

/* Copies the address, with the URL's port unless it has one. */
static void
set_address(struct client_exchange *x, const struct sockaddr_storage *to)
{
	in_port_t port = htons(x->rq.target->origin->port);
	assert(to->ss_family == AF_INET || to->ss_family == AF_INET6);
	memset(&x->to, 0, sizeof(x->to));
	x->to.any.sa_family = to->ss_family;
	if (to->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)to;
		x->to.v4.sin_addr = v4->sin_addr;
		x->to.v4.sin_port = v4->sin_port ? v4->sin_port : port;
	} else {
		const struct sockaddr_in6 *v6 = (const void *)to;
		x->to.v6.sin6_addr = v6->sin6_addr;
		x->to.v6.sin6_port = v6->sin6_port ? v6->sin6_port : port;
	}
}

/* Copies the array of header lines, which is the caller's for the call only. */
static void
copy_lines(struct client_exchange *x)
{
	struct client_request *rq = &x->rq;
	if (rq->nheaders > x->lines_room) {
		x->lines_room = (rq->nheaders + 7) / 8 * 8;
		x->lines = mem_realloc(x->lines, (size_t)x->lines_room * sizeof(*x->lines));
	}
	if (rq->nheaders)
		memcpy(x->lines, rq->headers, (size_t)rq->nheaders * sizeof(*x->lines));
	rq->headers = x->lines;
}

struct client_exchange *
client_start(struct client *c, const struct client_request *rq, client_fn fn, void *arg)
{
	assert(!c->dying);
	assert(rq->nheaders >= 0 && rq->nheaders <= CLIENT_HEADERS_MAX);
	assert(!rq->target->bodiless || rq->body.n == 0);
	struct client_exchange *x = exchange_get(c);
	x->fn = fn;
	x->arg = arg;
	x->started = loop_now(c->loop);
	x->rq = *rq;
	x->rq.to = NULL;
	copy_lines(x);
	set_address(x, rq->to);
	x->unsent.n = x->body_at = 0;
	x->sends = 0;
	answer_reset(&x->answer);
	x->answer.wanted = rq->wanted;
	if (!timer_pending(&c->rest))
		timer_set(&c->rest, REST);
	timer_set(&x->deadline, rq->timeout_ms * USEC_PER_MS);
	x->state = EXCHANGE_QUEUED;
	TAILQ_INSERT_TAIL(&c->queued, x, entry);
	c->in_flight++;
	defer_schedule(&c->work);
	return x;
}

void
client_abort(struct client_exchange *x)
{
	if (x->state == EXCHANGE_CALLING)
		return; /* from inside its own callback: it is over already */
	exchange_detach(x);
	exchange_recycle(x);
}

int
client_in_flight(const struct client *c)
{
	return c->in_flight;
}

/* Callbacks may start more, abort others, and free the client. */
static void
on_work(void *arg)
{
	struct client *c = arg;
	struct client_exchange *x;
	client_enter(c);
	for (int n = 0; n < START_MAX && (x = TAILQ_FIRST(&c->queued)); n++) {
		TAILQ_REMOVE(&c->queued, x, entry);
		TAILQ_INSERT_TAIL(&c->running, x, entry);
		x->state = EXCHANGE_RUNNING;
		exchange_connect(x, true);
	}
	if (!TAILQ_EMPTY(&c->queued))
		defer_schedule(&c->work);
	client_leave(c);
}
