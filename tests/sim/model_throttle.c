/* throttle_reserve.sql: time of limited rates is reserved. */
#include <stdlib.h>

#include "model.h"
#include "sim_loop.h"
#include "wire.h"

#define AHEAD (250 * USEC_PER_MS) /* nothing is granted that begins later */
#define BACK  (100 * USEC_PER_MS) /* what nobody reserved is lost after it */

struct question {
	const struct call *call;
	struct values app, endpoint, rate, wanted;
};

static struct throttle_row *
throttle_find(int64_t app_id, int64_t endpoint_id)
{
	const struct app_row *app = app_find(app_id);
	const struct endpoint_row *e = endpoint_id ? endpoint_find(endpoint_id) : NULL;
	return &db.throttle[e ? e->number : ENDPOINTS_MAX + (int)(app - db.app)];
}

static usec_t
most_ahead(int64_t rate)
{
	usec_t one = USEC_PER_SEC / rate;
	return AHEAD + (one > AHEAD ? one : AHEAD);
}

/* The i-th one, as row of the answer. False: somebody else has it locked. */
static bool
reserve(const struct question *q, int i, PGresult *answer)
{
	int64_t rate = value_int(q->rate.v[i]), n = value_int(q->wanted.v[i]);
	int64_t lot = rate / 4 > 1 ? rate / 4 : 1;
	struct throttle_row *t = throttle_find(value_int(q->app.v[i]), value_int(q->endpoint.v[i]));
	n = n < lot ? n : lot;
	usec_t span = n * USEC_PER_SEC / rate, now = sim_wall().us, ahead = t->free_at - now;
	bool is_void = t->free_at && ahead > most_ahead(rate);
	answer_int8(answer, i, 0, i + 1);
	answer_int8(answer, i, 1, n);
	answer_null(answer, i, 2);
	answer_null(answer, i, 3);
	if (t->free_at)
		answer_int8(answer, i, 3, ahead - AHEAD);
	if (t->free_at && ahead > AHEAD && !is_void)
		return true;
	if (t->writer && t->writer != q->call->txn && !model_without[WITHOUT_LOT])
		return false;
	usec_t from = t->free_at ? t->free_at : now;
	if (is_void)
		from = now + AHEAD;
	else if (from < now - BACK)
		from = now - BACK;
	txn_lock_throttle(q->call->txn, t);
	t->next = from + span;
	answer_int8(answer, i, 2, from - now);
	return true;
}

enum ran
model_throttle_reserve(const struct call *c, PGresult **ret)
{
	const struct question q = { c, values_of(c->arg[0], c->arena),
		values_of(c->arg[1], c->arena), values_of(c->arg[2], c->arena),
		values_of(c->arg[3], c->arena) };
	*ret = answer_new(4);
	for (int i = 0; i < q.app.n; i++)
		if (!reserve(&q, i, *ret))
			return RAN_WAITS;
	return RAN;
}
