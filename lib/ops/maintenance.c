/* The rounds of housekeeping.
 *
 * Every round makes what is missing, removes the rows whose time is over, some at a time, and then
 * drops one partition at a time until nothing is left to drop. The functions in the database
 * take their own locks, so several workers may do it at once. The first round comes soon after the
 * start: after a long stop there may be no partition for now.
 */
#include "ops/maintenance.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"

#include "statements.h"

#define ROUND      (5 * 60 * USEC_PER_SEC) /* retry partitions are 15 minutes wide */
#define ROUND_TRY  (10 * USEC_PER_SEC)     /* after a failure */
#define FIRST_MAX  (2 * USEC_PER_SEC)
#define FORGET_MAX 500 /* rows in one transaction */

/* What is removed row by row, one kind after the other; each returns how many rows it had. */
static const struct {
	const struct pg_stmt *stmt;
	const char *name;
} forgets[] = {
	{ &stmt_payload_expire, "payload_expire" },
	{ &stmt_token_void_expire, "token_void_expire" },
	{ &stmt_task_expire, "task_expire" },
};

struct maintenance {
	struct loop *loop;
	const struct config *config;
	struct pg_pool *pool;
	struct pg_ticket *ticket;
	struct arena *arena;
	struct timer timer;
	struct rand rand;
	size_t forgetting; /* which of forgets[] */
};

static void expire(struct maintenance *m);

static void
failed(struct maintenance *m, const char *what, const struct err *e)
{
	LOG_WARN(MAINTENANCE_FAIL, KV("step", what), KV("reason", e->text), KV("code", e->origin));
	timer_set(&m->timer, ROUND_TRY);
}

static void
on_expired(void *arg, const struct pg_result *r, const struct err *e)
{
	struct maintenance *m = arg;
	m->ticket = NULL;
	if (e) {
		failed(m, "partition_expire", e);
		return;
	}
	struct str name = pg_str(r->res[0], 0, 0);
	if (!name.p) {
		timer_set(&m->timer, ROUND + rand_between(&m->rand, 0, ROUND / 5));
		return;
	}
	LOG_INFO(PARTITION_DROP, KV("name", name));
	expire(m);
}

static void
expire(struct maintenance *m)
{
	struct pg_args args;
	arena_reset(m->arena);
	pg_args_init(&args, m->arena);
	pg_arg_int8(&args, m->config->retention);
	pg_arg_int8(&args, m->config->idempotency_ttl);
	struct pg_call call = { &stmt_partition_expire, &args };
	m->ticket = pg_submit_at(PARTITION_DROP, m->pool, &call, 1, on_expired, m);
}

static void forget(struct maintenance *m);

static void
on_forgotten(void *arg, const struct pg_result *r, const struct err *e)
{
	struct maintenance *m = arg;
	m->ticket = NULL;
	if (e) {
		failed(m, forgets[m->forgetting].name, e);
		return;
	}
	if (pg_int(r->res[0], 0, 0) < FORGET_MAX)
		m->forgetting++;
	if (m->forgetting < ARRAY_LEN(forgets))
		forget(m);
	else
		expire(m);
}

static void
forget(struct maintenance *m)
{
	struct pg_args args;
	arena_reset(m->arena);
	pg_args_init(&args, m->arena);
	pg_arg_int4(&args, FORGET_MAX);
	struct pg_call call = { forgets[m->forgetting].stmt, &args };
	m->ticket = pg_submit(m->pool, &call, 1, on_forgotten, m);
}

static void
on_made(void *arg, const struct pg_result *r, const struct err *e)
{
	struct maintenance *m = arg;
	m->ticket = NULL;
	if (e) {
		failed(m, "partitions_ahead", e);
		return;
	}
	int64_t made = pg_int(r->res[0], 0, 0);
	if (made)
		LOG_INFO(PARTITION_CREATE, KV("partitions", made));
	m->forgetting = 0;
	forget(m);
}

static void
on_round(void *arg)
{
	struct maintenance *m = arg;
	struct pg_call call = { &stmt_partitions_ahead, NULL };
	m->ticket = pg_submit_at(PARTITION_MAKE, m->pool, &call, 1, on_made, m);
}

struct maintenance *
maintenance_new(struct loop *l, const struct config *c, struct pg_pool *pool)
{
	struct maintenance *m = mem_zalloc(sizeof(*m));
	uint64_t seed;
	m->loop = l;
	m->config = c;
	m->pool = pool;
	m->arena = arena_new();
	rand_bytes(&seed, sizeof(seed));
	rand_seed(&m->rand, seed);
	timer_init(&m->timer, l, on_round, m);
	timer_set(&m->timer, rand_between(&m->rand, 0, FIRST_MAX));
	return m;
}

void
maintenance_free(struct maintenance *m)
{
	if (!m)
		return;
	if (m->ticket)
		pg_cancel(m->ticket);
	timer_done(&m->timer);
	arena_free(m->arena);
	free(m);
}
