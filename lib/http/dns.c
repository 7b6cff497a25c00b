/* c-ares on the loop: its sockets are watched as it asks, its retransmissions are driven by a tick.
 *
 * Names are absolute: no search domains, no host aliases. A search list would turn a subscriber's
 * name into an internal one first (Kubernetes sets ndots:5). */
#include "http/dns.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/mem.h"

/* c-ares looks at its retransmissions when told to. Asking it when the next one is due walks all
 * questions; one walk a tick, while anything is asked, is cheaper than one for each answer. */
#define TICK (50 * USEC_PER_MS)

/* Bytes of a UDP answer: what fits any path (DNS flag day 2020). Longer ones come by TCP. */
#define EDNS_PAYLOAD 1232

/* A socket of c-ares. */
struct dns_socket {
	LIST_ENTRY(dns_socket) entry;
	struct event *ev; /* owned */
	ares_socket_t fd;
};
LIST_HEAD(dns_socket_list, dns_socket);

struct dns {
	struct loop *loop;    /* borrowed */
	ares_channel channel; /* owned */
	struct timer tick;
	struct dns_socket_list sockets; /* at most two for each server */
};

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct dns *d = arg;
	ares_process_fd(d->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
	    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static void
forget_socket(struct dns *d, ares_socket_t fd)
{
	struct dns_socket *s;
	LIST_FOREACH(s, &d->sockets, entry) {
		if (s->fd != fd)
			continue;
		LIST_REMOVE(s, entry);
		event_free(s->ev);
		free(s);
		return;
	}
}

/* c-ares wants to be told of these events; of none: it is about to close the socket. */
static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	forget_socket(d, fd);
	if (!readable && !writable)
		return;
	short events = EV_PERSIST;
	if (readable)
		events |= EV_READ;
	if (writable)
		events |= EV_WRITE;
	struct dns_socket *s = mem_zalloc(sizeof(*s));
	s->fd = fd;
	s->ev = event_new(loop_base(d->loop), fd, events, on_event, d);
	if (!s->ev || event_add(s->ev, NULL))
		abort(); /* out of memory */
	LIST_INSERT_HEAD(&d->sockets, s, entry);
}

static void
on_tick(void *arg)
{
	struct dns *d = arg;
	struct timeval due;
	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (ares_timeout(d->channel, NULL, &due))
		timer_set(&d->tick, TICK);
}

/* Two sends to a server within the timeout: after a third of it, and the other two thirds of
 * waiting (c-ares doubles). */
static int
open_channel(struct dns *d, const char *servers, usec_t timeout, struct err *e)
{
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.timeout = (int)(timeout / 3 / USEC_PER_MS) + 1,
		.tries = 2,
		.ndots = 0,
		.ndomains = 0,
		.lookups = (char[]){ "fb" }, /* the hosts file, then name servers */
		.ednspsz = EDNS_PAYLOAD,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = d,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
		   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
	int status = ares_init_options(&d->channel, &o, mask);
	if (status != ARES_SUCCESS)
		return err_set(e, ERR_INTERNAL, "c-ares: %s", ares_strerror(status));
	if (!servers)
		return 0;
	status = ares_set_servers_ports_csv(d->channel, servers);
	if (status == ARES_SUCCESS)
		return 0;
	ares_destroy(d->channel);
	return err_set(e, ERR_CONFIG, "name servers: %s", ares_strerror(status));
}

struct dns *
dns_new(struct loop *l, const char *servers, usec_t timeout, struct err *e)
{
	struct dns *d = mem_zalloc(sizeof(*d));
	d->loop = l;
	LIST_INIT(&d->sockets);
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) /* counted; see dns_free */
		abort();
	if (open_channel(d, servers, timeout, e)) {
		ares_library_cleanup();
		free(d);
		return NULL;
	}
	timer_init(&d->tick, l, on_tick, d);
	return d;
}

void
dns_free(struct dns *d)
{
	if (!d)
		return;
	ares_destroy(d->channel);
	assert(LIST_EMPTY(&d->sockets));
	timer_done(&d->tick);
	free(d);
	ares_library_cleanup();
}

void
dns_ask(struct dns *d, const char *name, int family, ares_addrinfo_callback fn, void *arg)
{
	const struct ares_addrinfo_hints hints = {
		.ai_flags = ARES_AI_NOSORT, /* sorting opens a socket for each address */
		.ai_family = family,
	};
	if (!timer_pending(&d->tick))
		timer_set(&d->tick, TICK);
	ares_getaddrinfo(d->channel, name, NULL, &hints, fn, arg);
}
