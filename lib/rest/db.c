/* The database, from a call's side. */
#include <assert.h>

#include "rest/call.h"
#include "rest/home.h"

#define ANSWER_MAX (5 * USEC_PER_SEC) /* on the server; then the caller is told to try again */

/* A transaction under way for a call. */
struct wait {
	struct call *c;
	call_fn fn;
	call_either_fn either;
	const struct home *home; /* under which it stores retry rows, or NULL */
};

static void
on_result(void *arg, const struct pg_result *r, const struct err *e)
{
	struct wait *w = arg;
	assert(!r != !e);
	if (e && w->home)
		home_doubt(w->c->parts->sender, w->home);
	if (w->either)
		w->either(w->c, r, e);
	else if (r)
		w->fn(w->c, r);
	else if (e->kind == ERR_CONFLICT)
		call_fail_with(
		    w->c, ERR_CONFLICT, "An object with this name or uid exists already");
	else
		call_fail(w->c, e);
}

/* A replica that cannot be reached is not waited for. */
static struct pg_pool *
pool_for(const struct call *c)
{
	const struct rest_parts *parts = c->parts;
	if (c->replica && parts->read_pool && !pg_pool_down_since(parts->read_pool))
		return parts->read_pool;
	return parts->pool;
}

static void
submit(struct call *c, const struct pg_call *calls, int n, struct wait w)
{
	struct wait *copy = arena_alloc(c->arena, sizeof(*copy));
	*copy = w;
	pg_answer_within(pg_submit_at(API, pool_for(c), calls, n, on_result, copy), ANSWER_MAX);
}

void
call_query_db(struct call *c, const struct pg_call *calls, int n, call_fn fn)
{
	submit(c, calls, n, (struct wait){ .c = c, .fn = fn });
}

void
call_query_one(struct call *c, const struct pg_stmt *stmt, const struct pg_args *args, call_fn fn)
{
	struct pg_call one = { stmt, args };
	call_query_db(c, &one, 1, fn);
}

void
call_query_home(
    struct call *c, const struct home *h, const struct pg_call *calls, int n, call_fn fn)
{
	submit(c, calls, n, (struct wait){ .c = c, .fn = fn, .home = h });
}

void
call_query_either(struct call *c, const struct pg_call *calls, int n, call_either_fn fn)
{
	submit(c, calls, n, (struct wait){ .c = c, .either = fn });
}

struct pg_args *
call_args(struct call *c)
{
	struct pg_args *a = arena_alloc(c->arena, sizeof(*a));
	pg_args_init(a, c->arena);
	return a;
}

void
call_arg_ref(struct pg_args *a, const struct ref *ref)
{
	if (ref->id)
		pg_arg_int8(a, ref->id);
	else
		pg_arg_null(a);
	pg_arg_text(a, ref->uid);
}

void
call_arg_app(struct call *c, struct pg_args *a)
{
	pg_arg_text(a, str_of(c->token.org));
	call_arg_ref(a, &c->app);
}
