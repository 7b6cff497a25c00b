/* Names to judged addresses: the cache first, else the hosts file and DNS (docs/adr/0002).
 *
 * A lookup asks for A and AAAA apart, so that a name server which drops one kind of question does
 * not cost the other kind's answer. It is settled once: when both are in, a moment after IPv4
 * alone, or at the deadline with what there is. Settling judges, caches and unhooks it from
 * `by_name`; the queries that wait are called from the deferred `work`.
 *
 *     asking (in by_name) --settle--> ready --work: calls--> freed, or owed --last answer--> ready
 *
 * Invariants
 * 1. A resolver_fn runs only from `work`, never on the stack of c-ares or of resolver_lookup;
 * inside it everything of resolver.h may be called, resolver_free too.
 * 2. A question cannot be cancelled. A lookup lives until both answers have come (`asked` is 0);
 *    what comes after settling is ignored.
 * 3. Answers in the cache and those handed out have been judged, whatever their source: DNS,
 *    /etc/hosts, literals, localhost. */
#include "http/resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>
#include <uthash.h>

#include "base/fault.h"
#include "base/mem.h"

#include "http/dns.h"
#include "http/name_cache.h"
#include "http/verdict.h"

#define NAMES_MAX    10000 /* cached */
#define TTL_MIN_S    1
#define TTL_MAX_S    60
#define TTL_FAILED_S 5

/* Lookups at once, those still owed answers included: each costs c-ares memory, and a walk per
 * tick. One more fails at once. */
#define LOOKUPS_MAX 4096

/* How long IPv4's answer waits for IPv6's, which is a second choice here: the 50 ms of RFC 8305,
 * section 3, and some for slow servers. */
#define SECOND_FAMILY_WAIT (200 * USEC_PER_MS)

struct resolver_query {
	TAILQ_ENTRY(resolver_query) entry;
	struct lookup *lookup;
	resolver_fn fn;
	void *arg;
};
TAILQ_HEAD(query_list, resolver_query);

enum lookup_state {
	LOOKUP_ASKING, /* in by_name */
	LOOKUP_READY,  /* settled; work has something to do for it */
	LOOKUP_OWED,   /* settled, nobody waits, but answers are still to come */
};

struct lookup {
	UT_hash_handle hh;
	TAILQ_ENTRY(lookup) entry; /* in resolver.ready or resolver.others */
	enum lookup_state state;
	struct resolver *resolver; /* borrowed */
	struct query_list waiting;
	struct timer deadline;
	struct verdict verdict;
	int status;                     /* ARES_… of the answer for A; a timeout until it comes */
	int64_t ttl_s;                  /* the smallest seen */
	int asked;                      /* answers still to come */
	struct resolver_answer *answer; /* owned; NULL until settled */
	char name[NAME_CACHE_NAME_MAX];
};
TAILQ_HEAD(lookup_list, lookup);

struct resolver {
	struct loop *loop;                   /* borrowed */
	const struct address_policy *policy; /* borrowed */
	struct dns *dns;                     /* owned */
	usec_t timeout;
	struct defer work;
	struct name_cache *cache;
	struct lookup *by_name;
	struct lookup_list ready, others;
	int nlookups;
	struct resolver_answer cached; /* resolver_cached's, until its next call */
	bool ipv6_loopback;
	bool calling; /* a resolver_fn is on the stack */
	bool dying;   /* resolver_free was called */
};

static void on_work(void *arg);

/* Whether ::1 is an address of this machine. */
static bool
has_ipv6_loopback(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool yes = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
	close(fd);
	return yes;
}

struct resolver *
resolver_new(struct loop *l, const struct address_policy *policy, const char *servers,
    usec_t timeout, struct err *e)
{
	struct dns *dns = dns_new(l, servers, timeout, e);
	if (!dns)
		return NULL;
	struct resolver *r = mem_zalloc(sizeof(*r));
	r->loop = l;
	r->policy = policy;
	r->dns = dns;
	r->timeout = timeout;
	r->cache = name_cache_new(NAMES_MAX);
	r->ipv6_loopback = has_ipv6_loopback();
	TAILQ_INIT(&r->ready);
	TAILQ_INIT(&r->others);
	defer_init(&r->work, l, on_work, r);
	return r;
}

static struct lookup *
lookup_new(struct resolver *r)
{
	struct lookup *k = mem_zalloc(sizeof(*k));
	k->resolver = r;
	k->ttl_s = TTL_MAX_S;
	k->status = ARES_ETIMEOUT;
	TAILQ_INIT(&k->waiting);
	verdict_init(&k->verdict);
	TAILQ_INSERT_TAIL(&r->others, k, entry);
	r->nlookups++;
	return k;
}

static struct lookup_list *
lookup_home(struct lookup *k)
{
	return k->state == LOOKUP_READY ? &k->resolver->ready : &k->resolver->others;
}

/* The one place where a lookup changes its state, with what belongs to it. */
static void
lookup_set(struct lookup *k, enum lookup_state state)
{
	struct resolver *r = k->resolver;
	TAILQ_REMOVE(lookup_home(k), k, entry);
	if (k->state == LOOKUP_ASKING && k->name[0])
		HASH_DEL(r->by_name, k);
	k->state = state;
	TAILQ_INSERT_TAIL(lookup_home(k), k, entry);
	if (state == LOOKUP_READY)
		defer_schedule(&r->work);
}

static void
lookup_free(struct lookup *k)
{
	struct resolver *r = k->resolver;
	lookup_set(k, LOOKUP_OWED); /* out of by_name and ready */
	TAILQ_REMOVE(&r->others, k, entry);
	r->nlookups--;
	struct resolver_query *q;
	while ((q = TAILQ_FIRST(&k->waiting))) {
		TAILQ_REMOVE(&k->waiting, q, entry);
		free(q);
	}
	verdict_done(&k->verdict);
	timer_done(&k->deadline);
	free(k->answer);
	free(k);
}

static void
resolver_destroy(struct resolver *r)
{
	struct lookup *k;
	dns_free(r->dns); /* the answers still owed come now */
	while ((k = TAILQ_FIRST(&r->ready)) || (k = TAILQ_FIRST(&r->others)))
		lookup_free(k);
	defer_cancel(&r->work);
	name_cache_free(r->cache);
	free(r);
}

void
resolver_free(struct resolver *r)
{
	if (!r)
		return;
	r->dying = true;
	if (!r->calling)
		resolver_destroy(r);
}

/* Why a name has no address, in words for people. */
static const char *
status_to_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ ARES_ENODATA, "the name has no address" },
		{ ARES_ENOTFOUND, "no such name" },
		{ ARES_ESERVFAIL, "the name servers failed" },
		{ ARES_EREFUSED, "the name servers refused" },
		{ ARES_ECONNREFUSED, "the name servers failed" }, /* SERVFAIL too ends so */
		{ ARES_ETIMEOUT, "no answer from the name servers" },
		{ ARES_EBADNAME, "not a name" },
		{ ARES_EBADRESP, "bad answer from the name servers" },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].status == status)
			return texts[i].text;
	}
	return "lookup failed";
}

/* The asking is over: judge, remember, and call those that wait in a moment. */
static void
lookup_settle(struct lookup *k)
{
	struct resolver *r = k->resolver;
	assert(k->state == LOOKUP_ASKING);
	timer_stop(&k->deadline);
	k->answer = mem_zalloc(sizeof(*k->answer));
	verdict_give(&k->verdict, status_to_text(k->status), k->answer);
	int64_t ttl_s = k->ttl_s > TTL_MIN_S ? k->ttl_s : TTL_MIN_S;
	if (k->answer->result == RESOLVED_FAILED)
		ttl_s = TTL_FAILED_S;
	name_cache_put(r->cache, k->name, k->answer, loop_now(r->loop) + ttl_s * USEC_PER_SEC);
	lookup_set(k, LOOKUP_READY);
}

static void
on_deadline(void *arg)
{
	lookup_settle(arg);
}

/* Takes over what was found. An answer may hold what was not asked for, so addresses go by their
 * own family. */
static void
lookup_fill(struct lookup *k, const struct ares_addrinfo *info)
{
	for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next) {
		verdict_add(&k->verdict, k->resolver->policy, n->ai_addr);
		k->ttl_s = n->ai_ttl < k->ttl_s ? n->ai_ttl : k->ttl_s;
	}
	for (const struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
		k->ttl_s = c->ttl < k->ttl_s ? c->ttl : k->ttl_s;
}

static void
on_answer(struct lookup *k, bool ipv4, int status, const struct ares_addrinfo *info)
{
	k->asked--;
	if (k->resolver->dying)
		return;
	if (fault_hit(FAULT_RESOLVE))
		status = ARES_ETIMEOUT;
	if (k->state != LOOKUP_ASKING) {
		if (k->asked == 0 && k->state == LOOKUP_OWED)
			lookup_set(k, LOOKUP_READY); /* to be freed */
		return;
	}
	if (status == ARES_SUCCESS && info)
		lookup_fill(k, info);
	if (ipv4)
		k->status = status;
	if (k->asked == 0)
		lookup_settle(k);
	else if (ipv4 && status == ARES_SUCCESS)
		timer_set(&k->deadline, SECOND_FAMILY_WAIT);
}

/* ares_addrinfo_callback */
static void
on_ipv4(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	(void)timeouts;
	on_answer(arg, true, status, info);
	ares_freeaddrinfo(info);
}

/* ares_addrinfo_callback */
static void
on_ipv6(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	(void)timeouts;
	on_answer(arg, false, status, info);
	ares_freeaddrinfo(info);
}

static struct lookup *
lookup_ask(struct resolver *r, const char *name)
{
	struct lookup *k = lookup_new(r);
	snprintf(k->name, sizeof(k->name), "%s", name);
	HASH_ADD_STR(r->by_name, name, k);
	timer_init(&k->deadline, r->loop, on_deadline, k);
	timer_set(&k->deadline, r->timeout);
	k->asked = 2; /* before the first answer may come, on this stack */
	dns_ask(r->dns, k->name, AF_INET, on_ipv4, k);
	dns_ask(r->dns, k->name, AF_INET6, on_ipv6, k);
	return k;
}

/* A lookup that is settled from the start. */
static struct lookup *
lookup_known(struct resolver *r, const struct resolver_answer *answer)
{
	struct lookup *k = lookup_new(r);
	k->answer = mem_dup(answer, sizeof(*answer));
	lookup_set(k, LOOKUP_READY);
	return k;
}

static void
lookup_call(struct lookup *k)
{
	struct resolver_query *q;
	while (!k->resolver->dying && (q = TAILQ_FIRST(&k->waiting))) {
		TAILQ_REMOVE(&k->waiting, q, entry);
		q->fn(q->arg, k->answer);
		free(q);
	}
}

/* Calls back for what is ready, up to what was at the start: a callback that looks up a cached name
 * again and again must not keep the loop here. */
static void
on_work(void *arg)
{
	struct resolver *r = arg;
	struct lookup *k, *last = TAILQ_LAST(&r->ready, lookup_list);
	bool more = last;
	r->calling = true;
	while (more && !r->dying) {
		k = TAILQ_FIRST(&r->ready);
		more = k != last;
		lookup_call(k);
		if (r->dying)
			break;
		if (k->asked)
			lookup_set(k, LOOKUP_OWED);
		else
			lookup_free(k);
	}
	r->calling = false;
	if (r->dying)
		resolver_destroy(r);
}

/* Lower case, without one trailing dot. -1 when it cannot be a name. */
static int
name_fold(const char *host, char ret[NAME_CACHE_NAME_MAX])
{
	size_t n = strlen(host);
	if (n && host[n - 1] == '.')
		n--;
	if (n == 0 || n >= NAME_CACHE_NAME_MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		ret[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 0x20) : host[i];
	ret[n] = '\0';
	return 0;
}

static bool
is_localhost(struct str name)
{
	const struct str below = STR(".localhost");
	return str_eq(name, STR("localhost")) ||
	       (name.n > below.n &&
		   str_eq((struct str){ name.p + name.n - below.n, below.n }, below));
}

/* Names that are answered without asking anybody: addresses, and localhost with all below it (RFC
 * 6761, section 6.3). */
static bool
answer_literal(const struct resolver *r, const char *name, struct resolver_answer *ret)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	bool local = is_localhost(str_of(name));
	bool v4 = local || inet_pton(AF_INET, name, &sin.sin_addr) == 1;
	bool v6 = local ? r->ipv6_loopback : inet_pton(AF_INET6, name, &sin6.sin6_addr) == 1;
	if (!v4 && !v6)
		return false;
	if (local) {
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		sin6.sin6_addr = in6addr_loopback;
	}
	struct verdict v;
	verdict_init(&v);
	if (v4)
		verdict_add(&v, r->policy, (const struct sockaddr *)&sin);
	if (v6)
		verdict_add(&v, r->policy, (const struct sockaddr *)&sin6);
	verdict_give(&v, "", ret);
	verdict_done(&v);
	return true;
}

const struct resolver_answer *
resolver_cached(struct resolver *r, const char *host)
{
	char name[NAME_CACHE_NAME_MAX];
	struct resolver_answer *a = &r->cached;
	if (name_fold(host, name)) {
		a->result = RESOLVED_FAILED;
		a->n = 0;
		snprintf(a->detail, sizeof(a->detail), "%s", status_to_text(ARES_EBADNAME));
		return a;
	}
	if (name_cache_get(r->cache, name, loop_now(r->loop), a))
		return a;
	if (!answer_literal(r, name, a))
		return NULL;
	/* Judging one costs ten times what finding it does, and a busy endpoint asks for each
	 * event. */
	name_cache_put(r->cache, name, a, loop_now(r->loop) + TTL_MAX_S * USEC_PER_SEC);
	return a;
}

/* The lookup to wait for: one settled already, one under way, or a new one. */
static struct lookup *
lookup_get(struct resolver *r, const char *host)
{
	const struct resolver_answer *known = resolver_cached(r, host);
	if (known)
		return lookup_known(r, known);
	char name[NAME_CACHE_NAME_MAX];
	if (name_fold(host, name))
		abort(); /* resolver_cached has an answer for those */
	struct lookup *k;
	HASH_FIND_STR(r->by_name, name, k);
	if (k)
		return k;
	if (r->nlookups < LOOKUPS_MAX)
		return lookup_ask(r, name);
	static const struct resolver_answer full = {
		.result = RESOLVED_FAILED,
		.detail = "too many lookups at once",
	};
	return lookup_known(r, &full);
}

struct resolver_query *
resolver_lookup(struct resolver *r, const char *host, resolver_fn fn, void *arg)
{
	assert(!r->dying);
	struct resolver_query *q = mem_zalloc(sizeof(*q));
	q->fn = fn;
	q->arg = arg;
	q->lookup = lookup_get(r, host);
	TAILQ_INSERT_TAIL(&q->lookup->waiting, q, entry);
	return q;
}

void
resolver_cancel(struct resolver_query *q)
{
	TAILQ_REMOVE(&q->lookup->waiting, q, entry);
	free(q); /* the lookup goes on, for the cache */
}

void
resolver_keep(struct resolver *r, const char *host)
{
	char name[NAME_CACHE_NAME_MAX];
	const struct resolver_answer *known = resolver_cached(r, host);
	if (known && name_fold(host, name) == 0)
		name_cache_put(r->cache, name, known, loop_now(r->loop) + TTL_MAX_S * USEC_PER_SEC);
}

void
resolver_forget(struct resolver *r, const char *host)
{
	char name[NAME_CACHE_NAME_MAX];
	if (name_fold(host, name) == 0)
		name_cache_drop(r->cache, name);
}

void
resolver_forget_all(struct resolver *r)
{
	name_cache_clear(r->cache);
}
