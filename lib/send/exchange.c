/* One request to one endpoint: resolve, sign, send.
 *
 * The signature covers the attempt's own time, so it is made as late as possible: when the address
 * is known and the request is handed to the client. Until then much may have happened: a turn at a
 * limited rate, or a lease, counts for a time. */
#include "send/exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/metric.h"

#include "policy/retry_after.h"
#include "policy/sign.h"
#include "send/shape.h"

#define LINE_NAME_MAX                                                                              \
	sizeof("webhook-signature: ") /* bytes of a line but its value, the NUL included */

struct exchange {
	struct exchanges *all;
	struct delivery *delivery;
	struct route *route;
	struct resolver_query *query;
	struct client_exchange *transfer;
	TAILQ_ENTRY(exchange) entry;
	char *lines; /* owned: header lines, and a body of ours, which must live as long as the
		      * transfer */
};

struct exchanges {
	struct loop *loop;
	struct address_policy policy;
	struct client *client;
	struct resolver *resolver;
	int64_t timeout_ms;
	struct shape_names names; /* borrowed from the configuration */
	struct exchange_events ev;
	int n;
	TAILQ_HEAD(, exchange) under_way;
};

static void
exchange_free(struct exchange *x)
{
	TAILQ_REMOVE(&x->all->under_way, x, entry);
	x->all->n--;
	metric_add(METRIC_IN_FLIGHT, -1);
	route_unref(x->route);
	free(x->lines);
	free(x);
}

/* Ends the exchange with a result that takes the delivery along. */
static void
finish(struct exchange *x, struct result *r)
{
	struct exchanges *all = x->all;
	r->url_no = x->route->endpoint->url_no;
	exchange_free(x);
	all->ev.over(all->ev.arg, r);
}

static void
finish_without_answer(struct exchange *x, enum transport transport, const char *detail)
{
	struct result *r = result_new(x->delivery);
	r->attempted = true;
	r->transport = transport;
	snprintf(r->error, sizeof(r->error), "%s", detail);
	finish(x, r);
}

static void
on_response(void *arg, const struct client_response *response)
{
	struct exchange *x = arg;
	struct result *r = result_new(x->delivery);
	r->attempted = response->transport != TRANSPORT_ABORTED;
	r->transport = response->transport;
	r->http_status = response->status;
	r->duration_ms = (int)(response->duration / USEC_PER_MS);
	if (response->body.n)
		r->response = (struct str){ mem_strndup(response->body.p, response->body.n),
			response->body.n };
	snprintf(r->error, sizeof(r->error), "%s", response->detail);
	if (response->retry_after.p) {
		int64_t ms = retry_after_ms(response->retry_after, loop_wall(x->all->loop));
		r->retry_after_ms = ms > 0 ? ms : 0;
	}
	/* The name may have moved to another address since it was cached. */
	if (response->transport == TRANSPORT_CONNECT)
		resolver_forget(x->all->resolver, x->route->host);
	metric_observe(METRIC_H_ATTEMPT, response->duration);
	if (response->sends > 1)
		metric_add(METRIC_RESENDS, response->sends - 1);
	finish(x, r);
}

/* Appends "prefix-name: value" with a NUL; returns where the next line goes. */
static char *
put_line(char *to, struct str prefix, struct str name, struct str value)
{
	const struct str parts[] = { prefix, name, value };
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		memcpy(to, parts[i].p, parts[i].n);
		to += parts[i].n;
	}
	*to = '\0';
	return to + 1;
}

/* Writes the header lines; returns how many. */
static int
write_headers(struct exchange *x, const char *headers[CLIENT_HEADERS_MAX])
{
	const struct str prefixes[] = { STR("webhook"), STR("svix") };
	const struct message *m = x->delivery->message;
	struct wall now = loop_wall(x->all->loop);
	int64_t timestamp_s = now.us / USEC_PER_SEC;
	char id[ID_TEXT_SIZE], timestamp[STR_I64_SIZE], signature[SIGN_HEADER_SIZE];
	struct sign_key *keys[SIGN_KEYS_MAX];
	int nkeys = route_keys(x->route, now, keys), n = 0;
	struct str id_text = str_of(id_to_text(ID_MESSAGE, m->id, id));
	const struct {
		struct str name, value;
	} signed_by[] = {
		{ STR("-id: "), id_text },
		{ STR("-timestamp: "), str_from_i64(timestamp_s, timestamp) },
		{ STR("-signature: "), { signature, sign_header(keys, nkeys, id_text, timestamp_s,
							m->payload, signature) } },
	};
	size_t room = 0;
	for (size_t i = 0; i < ARRAY_LEN(signed_by); i++)
		room += ARRAY_LEN(prefixes) * (LINE_NAME_MAX + signed_by[i].value.n);
	char *to = x->lines = mem_alloc(room);
	for (size_t p = 0; p < ARRAY_LEN(prefixes); p++) {
		for (size_t i = 0; i < ARRAY_LEN(signed_by); i++) {
			headers[n++] = to;
			to = put_line(to, prefixes[p], signed_by[i].name, signed_by[i].value);
		}
	}
	headers[n++] = "content-type: application/json";
	const struct cat_endpoint *endpoint = x->route->endpoint;
	for (int i = 0; i < endpoint->nheaders && n < CLIENT_HEADERS_MAX; i++)
		headers[n++] = endpoint->headers[i];
	return n;
}

/* As write_headers, of a route that is not as usual: its body may be another one, too. */
static int
write_shaped(struct exchange *x, const char *headers[CLIENT_HEADERS_MAX], struct str *ret_body)
{
	struct shaped s;
	shape_request(x->route, x->delivery->message, loop_wall(x->all->loop), &x->all->names, &s);
	x->lines = s.bytes;
	*ret_body = s.body;
	memcpy(headers, s.headers, sizeof(*headers) * (size_t)s.nheaders);
	return s.nheaders;
}

static void
send_to(struct exchange *x, const struct resolver_answer *answer)
{
	struct sockaddr_storage to = answer->address[x->delivery->tries % answer->n];
	uint16_t port = htons((uint16_t)x->route->port);
	if (to.ss_family == AF_INET)
		((struct sockaddr_in *)&to)->sin_port = port;
	else
		((struct sockaddr_in6 *)&to)->sin6_port = port;
	int64_t own_timeout = x->route->endpoint->timeout_ms;
	const char *headers[CLIENT_HEADERS_MAX];
	struct str body = x->delivery->message->payload;
	int nheaders =
	    x->route->shaped ? write_shaped(x, headers, &body) : write_headers(x, headers);
	struct client_request rq = {
		.target = x->route->target,
		.to = &to,
		.headers = headers,
		.nheaders = nheaders,
		.body = body,
		.timeout_ms = own_timeout > 0 ? own_timeout : x->all->timeout_ms,
	};
	delivery_set(x->delivery, DELIVERY_SENDING);
	x->transfer = client_start(x->all->client, &rq, on_response, x);
}

/* It goes back to its lane. What it has waited for is kept, else it might never be in time. */
static void
give_back(struct exchange *x)
{
	struct result *r = result_new(x->delivery);
	resolver_keep(x->all->resolver, x->route->host);
	r->transport = TRANSPORT_ABORTED;
	finish(x, r);
}

static void
on_resolved(void *arg, const struct resolver_answer *answer)
{
	struct exchange *x = arg;
	x->query = NULL;
	switch (answer->result) {
	case RESOLVED_OK:
		if (x->all->ev.goes(x->all->ev.arg, x->delivery))
			send_to(x, answer);
		else
			give_back(x);
		break;
	case RESOLVED_FAILED:
		finish_without_answer(x, TRANSPORT_RESOLVE, answer->detail);
		break;
	case RESOLVED_BLOCKED:
		finish_without_answer(x, TRANSPORT_BLOCKED, "the address is not allowed");
		break;
	}
}

void
exchange_start(struct exchanges *xs, struct delivery *d, struct route *route)
{
	assert(d->message->payload.p);
	struct exchange *x = mem_alloc(sizeof(*x));
	x->all = xs;
	x->delivery = d;
	x->route = route_ref(route);
	x->query = NULL;
	x->transfer = NULL;
	x->lines = NULL;
	TAILQ_INSERT_TAIL(&xs->under_way, x, entry);
	xs->n++;
	metric_add(METRIC_IN_FLIGHT, 1);
	const struct resolver_answer *known = resolver_cached(xs->resolver, route->host);
	if (known && known->result == RESOLVED_OK) {
		send_to(x, known);
		return;
	}
	delivery_set(d, DELIVERY_RESOLVING);
	x->query = resolver_lookup(xs->resolver, route->host, on_resolved, x);
}

bool
exchanges_slot_busy(const struct exchanges *xs, int slot)
{
	const struct exchange *x;
	TAILQ_FOREACH(x, &xs->under_way, entry)
		if (x->delivery->slot == slot)
			return true;
	return false;
}

int
exchanges_in_flight(const struct exchanges *xs)
{
	return xs->n;
}

struct client *
exchanges_client(struct exchanges *xs)
{
	return xs->client;
}

struct resolver *
exchanges_resolver(struct exchanges *xs)
{
	return xs->resolver;
}

struct exchanges *
exchanges_new(
    struct loop *l, const struct config *c, const struct exchange_events *ev, struct err *e)
{
	struct exchanges *xs = mem_zalloc(sizeof(*xs));
	struct client_options o;
	xs->loop = l;
	xs->policy = c->allow_addresses;
	xs->timeout_ms = c->attempt_timeout;
	xs->names = (struct shape_names){ c->cloudevents_source, c->webhook_origin };
	xs->ev = *ev;
	TAILQ_INIT(&xs->under_way);
	client_options_default(&o);
	o.user_agent = c->user_agent;
	o.ca_file = c->ca_file[0] ? c->ca_file : NULL;
	const char *servers = c->dns_servers[0] ? c->dns_servers : NULL;
	xs->client = client_new(l, &xs->policy, &o, e);
	if (xs->client)
		xs->resolver =
		    resolver_new(l, &xs->policy, servers, c->attempt_timeout * USEC_PER_MS, e);
	if (xs->resolver)
		return xs;
	exchanges_free(xs);
	return NULL;
}

void
exchanges_free(struct exchanges *xs)
{
	if (!xs)
		return;
	struct exchange *x;
	while ((x = TAILQ_FIRST(&xs->under_way))) {
		if (x->query)
			resolver_cancel(x->query);
		if (x->transfer)
			client_abort(x->transfer);
		delivery_free(x->delivery);
		exchange_free(x);
	}
	if (xs->resolver)
		resolver_free(xs->resolver);
	if (xs->client)
		client_free(xs->client);
	free(xs);
}
