/* Reading what is parked for the holds that want it: one read at a time, of many holds together, a
 * page for each.
 *
 * A sweep of a hold goes on page by page until a page is not full. Numbers are given out before the
 * rows that bear them are committed, so a row with a lower number may appear behind the sweep. How
 * far the numbers are complete follows from the snapshots: a row that a snapshot does not show is
 * of a transaction that was running then or began later, and a transaction takes its numbers after
 * it began. So when every transaction that had begun by an earlier read is over, what is missing
 * has a number above the newest one of before that read. They are over when none that runs is older
 * than one that the earlier read began itself. (Its snapshot's xmax will not do: that is the number
 * behind the last one that had ended, and those that run may be above it.) The next sweep
 * begins there. A transaction that stays open for long (a dump) would keep that point where it is:
 * what is older than OLD is over too, since no statement of ours runs so long
 * (cmd/posthornd/worker.c). */
#include <stdlib.h>

#include "send/hold-internal.h"
#include "statements.h"

#define OLD   (120 * USEC_PER_SEC)
#define AGAIN (500 * USEC_PER_MS) /* after a read that failed */

enum column {
	COL_XMIN,
	COL_OWN,
	COL_NEWEST,
	COL_NTH,
	COL_NO,
	COL_AT,
	COL_MSG,
	COL_CHAIN,
	COL_SEQ,
	COL_TRIES,
	COL_TRIGGER,
	COL_KEY,
	COL_LAST_SEQ,
	COL_LAST_TRIES,
	COL_NEXT_AT,
};

static void read_next(struct holds *hs);

/* ---- how far the numbers are complete ----------------------------------------------------- */

static void
complete_learn(struct holds *hs, const PGresult *r)
{
	struct complete *c = &hs->complete;
	int64_t xmin = pg_int(r, 0, COL_XMIN);
	usec_t now = loop_now(hs->loop);
	if (c->own && xmin >= c->own) {
		c->no = c->newest > c->no ? c->newest : c->no;
		c->own = 0;
	} else if (c->own == 0) {
		c->own = pg_int(r, 0, COL_OWN);
		c->newest = c->last_newest;
	}
	if (now - c->old_at > OLD) {
		c->no = c->older_no > c->no ? c->older_no : c->no;
		c->older_no = c->old_no;
		c->old_no = c->last_newest;
		c->old_at = now;
	}
	c->last_newest = pg_int(r, 0, COL_NEWEST);
}

/* ---- a page ------------------------------------------------------------------------------- */

static void
take_row(struct hold *h, const PGresult *r, int row)
{
	struct parked_row p = {
		.no = pg_int(r, row, COL_NO),
		.msg_id = pg_int(r, row, COL_MSG),
		.chain = pg_int(r, row, COL_CHAIN),
		.at = pg_time(r, row, COL_AT),
		.seq = (int16_t)pg_int(r, row, COL_SEQ),
		.tries = (int16_t)pg_int(r, row, COL_TRIES),
		.trigger = (int16_t)pg_int(r, row, COL_TRIGGER),
		.ordered = !pg_null(r, row, COL_KEY),
		.key = pg_int(r, row, COL_KEY),
	};
	if (p.ordered && !pg_null(r, row, COL_LAST_SEQ)) {
		/* It was attempted, and waits where it is. */
		struct wall due = pg_time(r, row, COL_NEXT_AT);
		p.seq = (int16_t)(pg_int(r, row, COL_LAST_SEQ) + 1);
		p.tries = (int16_t)pg_int(r, row, COL_LAST_TRIES);
		if (due.us)
			p.due = loop_now(h->all->loop) + due.us - loop_wall(h->all->loop).us;
	}
	entries_add(h, &p);
}

static bool
has_room(const struct hold *h)
{
	return h->entries.n < HOLD_ENTRIES_MAX &&
	       (h->all->nentries < HOLDS_ENTRIES_MAX || h->entries.n == 0);
}

/* The rows of one hold, from the row on; returns the one behind them. */
static int
take_page(struct hold *h, const PGresult *r, int row, int64_t nth)
{
	int n = 0, rows = pg_rows(r);
	int64_t last = 0;
	for (; row < rows && pg_int(r, row, COL_NTH) == nth; row++) {
		if (!h || pg_null(r, row, COL_NO))
			continue;
		take_row(h, r, row);
		last = pg_int(r, row, COL_NO);
		n++;
	}
	if (!h)
		return row;
	h->reading = false;
	h->read_at = loop_now(h->all->loop);
	if (n > 0)
		h->active_at = h->read_at;
	entries_forget_over(h);
	h->sweeping = n == h->all->page;
	if (h->sweeping)
		h->beyond = last;
	return row;
}

static void
on_read(void *arg, const struct pg_result *result, const struct err *e)
{
	struct holds *hs = arg;
	struct hold *step[HOLD_READ_MAX];
	int n = 0;
	hs->read_ticket = NULL;
	if (e) {
		for (int i = 0; i < hs->nin_read; i++) {
			struct hold *h = hs->in_read[i];
			if (!h)
				continue;
			h->reading = false;
			entries_forget_over(h);
			hold_want_read(h);
		}
		hs->nin_read = 0;
		timer_set(&hs->read_again, AGAIN);
		return;
	}
	const PGresult *r = result->res[0];
	complete_learn(hs, r);
	int row = 0;
	for (int i = 0; i < hs->nin_read; i++) {
		row = take_page(hs->in_read[i], r, row, i + 1);
		if (hs->in_read[i])
			step[n++] = hs->in_read[i];
	}
	hs->nin_read = 0;
	for (int i = 0; i < n; i++)
		hold_wake(step[i]);
	read_next(hs);
}

/* ---- reading ------------------------------------------------------------------------------ */

void
hold_read_now(void *arg)
{
	read_next(arg);
}

static struct hold *
next_reader(struct holds *hs)
{
	struct hold *h;
	while ((h = TAILQ_FIRST(&hs->readers))) {
		TAILQ_REMOVE(&hs->readers, h, reader);
		h->wants_read = false;
		if (has_room(h))
			return h;
	}
	return NULL;
}

static void
sweep_begin(struct hold *h)
{
	h->sweeping = true;
	h->more = false;
	h->beyond = h->next_base;
	if (h->all->complete.no > h->next_base)
		h->next_base = h->all->complete.no;
	entries_sweep(h);
}

static void
read_next(struct holds *hs)
{
	int64_t apps[HOLD_READ_MAX], endpoints[HOLD_READ_MAX], beyond[HOLD_READ_MAX];
	struct pg_args args;
	struct hold *h;
	int n = 0;
	if (hs->read_ticket || hs->stopped)
		return;
	while (n < HOLD_READ_MAX && (h = next_reader(hs))) {
		if (!h->sweeping)
			sweep_begin(h);
		h->reading = true;
		apps[n] = h->app_id;
		endpoints[n] = h->endpoint_id;
		beyond[n] = h->beyond;
		hs->in_read[n++] = h;
	}
	if (n == 0)
		return;
	hs->nin_read = n;
	hs->page = n > HOLD_FEW ? HOLD_PAGE_MANY : HOLD_PAGE;
	arena_reset(hs->read_arena);
	pg_args_init(&args, hs->read_arena);
	pg_arg_int8s(&args, apps, n);
	pg_arg_int8s(&args, endpoints, n);
	pg_arg_int8s(&args, beyond, n);
	pg_arg_int4(&args, hs->page);
	pg_arg_bool(&args, hs->complete.own == 0);
	struct pg_call call = { &stmt_parked_load, &args };
	hs->read_ticket = pg_submit_at(PARKED, hs->load, &call, 1, on_read, hs);
}

void
hold_want_read(struct hold *h)
{
	if (h->wants_read || h->reading)
		return;
	h->wants_read = true;
	TAILQ_INSERT_TAIL(&h->all->readers, h, reader);
	if (!timer_pending(&h->all->read_again))
		timer_set(&h->all->read_again, 0); /* together with those that want it, too */
}

void
hold_read_drop(struct hold *h)
{
	struct holds *hs = h->all;
	if (h->wants_read)
		TAILQ_REMOVE(&hs->readers, h, reader);
	for (int i = 0; i < hs->nin_read; i++)
		if (hs->in_read[i] == h)
			hs->in_read[i] = NULL;
}

void
hold_read_stop(struct holds *hs)
{
	if (hs->read_ticket)
		pg_cancel(hs->read_ticket);
	hs->read_ticket = NULL;
	hs->nin_read = 0;
}
