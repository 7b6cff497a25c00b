/* The watched organisations: one sorted array, replaced whole.
 *
 * Invariants: at most WATCHED_MAX; where there are more, or as long as a question was not answered,
 * everybody may be watched. A change that is told while the question is under way is asked for once
 * more, so that what is kept is never older than the last telling. */
#include "store/watched.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"

#include "policy/filter.h"
#include "statements.h"

#define WATCHED_MAX 10000

struct watched {
	struct pg_pool *pool;
	struct arena *question;
	struct arena *arena; /* owns the array and its texts */
	struct str *org;     /* ascending */
	int n;
	bool known, crowded, again;
	struct pg_ticket *ticket;
};

static int
compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void
keep(struct watched *w, const PGresult *r)
{
	w->known = true;
	w->crowded = pg_rows(r) > WATCHED_MAX;
	w->n = w->crowded ? 0 : pg_rows(r);
	arena_reset(w->arena);
	w->org = arena_alloc(w->arena, sizeof(*w->org) * (size_t)(w->n + 1));
	for (int i = 0; i < w->n; i++)
		w->org[i] = arena_str(w->arena, pg_str(r, i, 0));
	qsort(w->org, (size_t)w->n, sizeof(*w->org), compare);
}

static void
on_read(void *arg, const struct pg_result *r, const struct err *e)
{
	struct watched *w = arg;
	bool again = w->again;
	w->ticket = NULL;
	w->again = false;
	w->known = false;
	if (!e)
		keep(w, r->res[0]);
	if (again)
		watched_load(w);
}

void
watched_load(struct watched *w)
{
	struct pg_args args;
	if (w->ticket) {
		w->again = true;
		return;
	}
	arena_reset(w->question);
	pg_args_init(&args, w->question);
	pg_arg_int4(&args, WATCHED_MAX + 1);
	struct pg_call call = { &stmt_watched_list, &args };
	w->ticket = pg_submit(w->pool, &call, 1, on_read, w);
}

void
watched_ensure(struct watched *w)
{
	if (!w->known && !w->ticket)
		watched_load(w);
}

bool
watched_maybe(const struct watched *w, struct str org)
{
	if (!w->known || w->crowded)
		return true;
	return bsearch(&org, w->org, (size_t)w->n, sizeof(org), compare);
}

struct watched *
watched_new(struct pg_pool *pool)
{
	struct watched *w = mem_zalloc(sizeof(*w));
	w->pool = pool;
	w->question = arena_new();
	w->arena = arena_new();
	return w;
}

void
watched_free(struct watched *w)
{
	if (!w)
		return;
	if (w->ticket)
		pg_cancel(w->ticket);
	arena_free(w->question);
	arena_free(w->arena);
	free(w);
}
