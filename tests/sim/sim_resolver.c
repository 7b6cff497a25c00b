/* http/resolver.h: every name has an address, which sometimes is known at once; sometimes names
 * cannot be resolved. */
#include "sim_resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

#include "agenda.h"
#include "dice.h"
#include "http/resolver.h"
#include "receiver.h"

struct resolver_query {
	struct happening h;
	struct resolver *resolver;
	int number; /* of the receiver */
	resolver_fn fn;
	void *arg;
	TAILQ_ENTRY(resolver_query) entry;
};

struct resolver {
	struct loop *loop;
	TAILQ_HEAD(, resolver_query) queries;
};

static int failures;

void
sim_resolver_set_failures(int per_mille)
{
	failures = per_mille;
}

static const struct resolver_answer *
answer(bool ok)
{
	static struct resolver_answer good = { .result = RESOLVED_OK, .n = 1 };
	static const struct resolver_answer bad = { .result = RESOLVED_FAILED,
		.detail = "no such name" };
	good.address[0].ss_family = AF_INET;
	return ok ? &good : &bad;
}

struct resolver *
resolver_new(struct loop *l, const struct address_policy *policy, const char *servers,
    usec_t timeout, struct err *e)
{
	struct resolver *r = mem_zalloc(sizeof(*r));
	(void)policy;
	(void)servers;
	(void)timeout;
	(void)e;
	r->loop = l;
	TAILQ_INIT(&r->queries);
	return r;
}

void
resolver_free(struct resolver *r)
{
	struct resolver_query *q;
	while ((q = TAILQ_FIRST(&r->queries)))
		resolver_cancel(q);
	free(r);
}

const struct resolver_answer *
resolver_cached(struct resolver *r, const char *host)
{
	(void)r;
	(void)host;
	return dice_chance(700) ? answer(true) : NULL;
}

void
resolver_cancel(struct resolver_query *q)
{
	agenda_remove(&q->h);
	TAILQ_REMOVE(&q->resolver->queries, q, entry);
	free(q);
}

static void
on_answer(void *arg)
{
	struct resolver_query *q = arg;
	resolver_fn fn = q->fn;
	void *fn_arg = q->arg;
	bool ok = !dice_chance(failures);
	if (!ok)
		receiver_failed(q->number);
	resolver_cancel(q);
	fn(fn_arg, answer(ok));
}

struct resolver_query *
resolver_lookup(struct resolver *r, const char *host, resolver_fn fn, void *arg)
{
	struct resolver_query *q = mem_zalloc(sizeof(*q));
	/* NOLINTNEXTLINE(cert-err34-c): our own name */
	if (sscanf(host, RECEIVER_HOST, &q->number) != 1)
		abort();
	q->h = (struct happening){ .fn = on_answer, .arg = q, .loop = r->loop };
	q->resolver = r;
	q->fn = fn;
	q->arg = arg;
	TAILQ_INSERT_TAIL(&r->queries, q, entry);
	agenda_put(&q->h, agenda_now() + dice_skewed(100, 100 * USEC_PER_MS));
	return q;
}

void
resolver_keep(struct resolver *r, const char *host)
{
	(void)r;
	(void)host;
}

void
resolver_forget(struct resolver *r, const char *host)
{
	(void)r;
	(void)host;
}

void
resolver_forget_all(struct resolver *r)
{
	(void)r;
}
