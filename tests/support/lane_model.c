/* The model: stand-ins for what is around the lanes. */
#include "lane_model.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"

#include "virtual_loop.h"

#define START_MAX 64 /* as the sender */
#define READY_MAX 512

struct subject {
	struct world *world;
	int kind;
	int64_t app_id, id;
	usec_t at; /* of the next event */
	struct timer next;
};

struct world {
	struct model model;
	const struct model_kind *kinds;
	int nkinds;
	int64_t queue_max, queue_bytes_max;
	usec_t began;
	struct rand rand;
	struct defer pump;
	int napps, nsubjects;
	struct cat_app *apps;           /* owned; id - 1 is the index */
	struct cat_endpoint *endpoints; /* owned; id - 1 is the index */
	struct subject *subjects;       /* owned; as endpoints */
	int64_t message_id;
};

/* A request under way. */
struct request {
	struct world *world;
	struct delivery *delivery;
	struct model_play play;
	struct timer end;
};

/* ---- the catalogue and routes, which take the place of the real ones ----------------------- */

static struct world *the_world;

const struct cat_app *
catalogue_find_id(struct catalogue *c, int64_t app_id)
{
	(void)c;
	return &the_world->apps[app_id - 1];
}

void
catalogue_load_id(struct catalogue *c, int64_t app_id, catalogue_fn fn, void *arg)
{
	(void)c;
	(void)app_id;
	(void)fn;
	(void)arg;
	abort();
}

const struct cat_app *
cat_app_ref(const struct cat_app *app)
{
	return app;
}

void
cat_app_unref(const struct cat_app *app)
{
	(void)app;
}

const struct cat_endpoint *
cat_endpoint_get(const struct cat_app *app, int64_t endpoint_id)
{
	(void)app;
	return &the_world->endpoints[endpoint_id - 1];
}

struct route *
route_new(const struct cat_app *app, const struct cat_endpoint *endpoint)
{
	struct route *r = mem_zalloc(sizeof(*r));
	r->app = app;
	r->endpoint = endpoint;
	return r;
}

void
route_unref(struct route *r)
{
	free(r);
}

/* Nothing here has a limited rate that the database would be asked for. */
struct pg_ticket *
pg_submit(struct pg_pool *p, const struct pg_call *calls, int n, pg_fn fn, void *arg)
{
	(void)p;
	(void)calls;
	(void)n;
	(void)fn;
	(void)arg;
	abort();
}

void
pg_cancel(struct pg_ticket *t)
{
	(void)t;
	abort();
}

/* ---- the sender --------------------------------------------------------------------------- */

static struct subject *
subject_of(struct world *w, const struct delivery *d)
{
	return &w->subjects[d->endpoint_id - 1];
}

static enum outcome
outcome_of(const struct model_play *p)
{
	if (p->time >= MODEL_TIMEOUT || p->status == 0)
		return OUTCOME_RETRY;
	return classify(p->status, TRANSPORT_OK);
}

static void
on_end(void *arg)
{
	struct request *rq = arg;
	struct world *w = rq->world;
	struct delivery *d = rq->delivery;
	struct model_count *count = &w->model.count[subject_of(w, d)->kind];
	const struct lane_end end = {
		.outcome = outcome_of(&rq->play),
		.answered = rq->play.time < MODEL_TIMEOUT && rq->play.status > 0,
		.http_status = rq->play.status,
		.retry_after = rq->play.retry_after,
	};
	usec_t failing_for;
	count->delivered += end.outcome == OUTCOME_DELIVERED;
	count->timeouts += rq->play.time >= MODEL_TIMEOUT;
	count->in_flight--;
	w->model.in_flight--;
	count->trips += lanes_leave(w->model.lanes, d, &end, &failing_for);
	delivery_free(d);
	timer_done(&rq->end);
	free(rq);
	defer_schedule(&w->pump);
}

static void
note_wait(struct world *w, struct model_count *count, usec_t wait)
{
	if (loop_now(w->model.loop) < w->began + w->model.from)
		return;
	if ((count->nwaits & (count->nwaits - 1)) == 0) {
		size_t room = count->nwaits ? 2 * (size_t)count->nwaits : 1;
		count->waits = mem_realloc(count->waits, room * sizeof(*count->waits));
	}
	count->waits[count->nwaits++] = (int)wait;
}

static void
start(struct world *w, struct delivery *d)
{
	struct subject *s = subject_of(w, d);
	const struct model_kind *kind = &w->kinds[s->kind];
	struct model_count *count = &w->model.count[s->kind];
	usec_t now = loop_now(w->model.loop);
	struct request *rq = mem_zalloc(sizeof(*rq));
	bool turned = kind->turns_at > 0 && now - w->began >= kind->turns_at;
	rq->world = w;
	rq->delivery = d;
	rq->play = turned ? kind->then : kind->play;
	if (kind->loses > 0 && count->started % kind->loses == kind->loses - 1)
		rq->play = (struct model_play){ .time = MODEL_TIMEOUT };
	delivery_set(d, DELIVERY_SENDING);
	timer_init(&rq->end, w->model.loop, on_end, rq);
	/* Times vary by a tenth. */
	usec_t time = rq->play.time;
	if (time < MODEL_TIMEOUT)
		time += rand_between(&w->rand, -time / 10, time / 10);
	else
		time = MODEL_TIMEOUT;
	timer_set(&rq->end, time);
	note_wait(w, count, now - d->message->accepted);
	count->started++;
	if (++count->in_flight > count->in_flight_max)
		count->in_flight_max = count->in_flight;
	if (++w->model.in_flight > w->model.in_flight_max)
		w->model.in_flight_max = w->model.in_flight;
	virtual_spend(w->model.loop, w->model.cost);
}

static void
pump(void *arg)
{
	struct world *w = arg;
	struct delivery *d;
	int n = 0;
	while (n++ < START_MAX && (d = lanes_next(w->model.lanes)))
		start(w, d);
	if (n > START_MAX)
		defer_schedule(&w->pump);
}

static void
wake(void *arg)
{
	struct world *w = arg;
	defer_schedule(&w->pump);
}

/* ---- events ------------------------------------------------------------------------------- */

static bool
backlogged(const struct world *w)
{
	return lanes_ready(w->model.lanes) > READY_MAX ||
	       lanes_queued(w->model.lanes) >= w->queue_max ||
	       metric_own(METRIC_QUEUED_BYTES) > w->queue_bytes_max;
}

static void
schedule(struct subject *s)
{
	double rate = s->world->kinds[s->kind].rate;
	double even = (double)rand_between(&s->world->rand, 1, 1 << 30) / (1 << 30);
	s->at += (usec_t)(-log(even) / rate * 1e6);
}

static void
make_event(struct subject *s)
{
	struct world *w = s->world;
	struct model_count *count = &w->model.count[s->kind];
	count->events++;
	if (!w->model.accepts_all && backlogged(w)) {
		count->refused++;
		return;
	}
	int bytes = w->kinds[s->kind].bytes;
	struct message *m = message_new(s->app_id, ++w->message_id, STR("t"),
	    bytes ? mem_zalloc((size_t)bytes) : NULL, (size_t)bytes);
	m->accepted = loop_now(w->model.loop);
	struct delivery *d = delivery_new(m, s->id, 0, 0);
	message_unref(m);
	if (!lanes_add(w->model.lanes, d)) {
		count->spilled++;
		delivery_free(d);
	}
	defer_schedule(&w->pump);
}

/* It may be late, when the turn before took long: then there are several. */
static void
on_event(void *arg)
{
	struct subject *s = arg;
	usec_t now = loop_now(s->world->model.loop);
	for (; s->at <= now; schedule(s))
		make_event(s);
	timer_set(&s->next, s->at - now);
}

/* ---- the model ---------------------------------------------------------------------------- */

static void
add_kind(struct world *w, int k)
{
	const struct model_kind *kind = &w->kinds[k];
	int apps = kind->apps > 0 ? kind->apps : 1, first = w->napps;
	for (int i = 0; i < apps; i++, w->napps++)
		w->apps[w->napps].id = w->napps + 1;
	for (int i = 0; i < kind->n; i++) {
		int at = w->nsubjects++;
		w->endpoints[at] =
		    (struct cat_endpoint){ .id = at + 1, .max_in_flight = kind->max_in_flight };
		w->subjects[at] = (struct subject){ .world = w,
			.kind = k,
			.app_id = first + i % apps + 1,
			.id = at + 1,
			.at = w->began };
		timer_init(&w->subjects[at].next, w->model.loop, on_event, &w->subjects[at]);
		schedule(&w->subjects[at]);
		timer_set(&w->subjects[at].next, w->subjects[at].at - w->began);
	}
}

void
model_config(struct config *c, int in_flight_max)
{
	config_init(c);
	if (in_flight_max > 0)
		c->in_flight_max = in_flight_max;
}

struct model *
model_new(const struct config *c, const struct model_kind *kinds, int n)
{
	struct world *w = mem_zalloc(sizeof(*w));
	int endpoints = 0, apps = 0;
	assert(n <= MODEL_KINDS_MAX);
	for (int k = 0; k < n; k++) {
		endpoints += kinds[k].n;
		apps += kinds[k].apps > 0 ? kinds[k].apps : 1;
	}
	the_world = w;
	w->kinds = kinds;
	w->nkinds = n;
	w->queue_max = c->queue_max;
	w->queue_bytes_max = c->queue_bytes_max;
	rand_seed(&w->rand, 7);
	w->model.loop = loop_new();
	w->began = loop_now(w->model.loop);
	defer_init(&w->pump, w->model.loop, pump, w);
	w->apps = mem_zalloc((size_t)apps * sizeof(*w->apps));
	w->endpoints = mem_zalloc((size_t)endpoints * sizeof(*w->endpoints));
	w->subjects = mem_zalloc((size_t)endpoints * sizeof(*w->subjects));
	w->model.lanes = lanes_new(w->model.loop, c, NULL, NULL, wake, w);
	for (int k = 0; k < n; k++)
		add_kind(w, k);
	return &w->model;
}

void
model_run(struct model *m, usec_t time)
{
	virtual_run(m->loop, loop_now(m->loop) + time);
}

void
model_free(struct model *m)
{
	struct world *w = (struct world *)m;
	/* No more events; what is under way ends. */
	for (int i = 0; i < w->nsubjects; i++)
		timer_done(&w->subjects[i].next);
	lanes_drop(m->lanes, 0);
	while (m->in_flight > 0)
		model_run(m, USEC_PER_SEC);
	lanes_free(m->lanes);
	for (int k = 0; k < w->nkinds; k++)
		free(m->count[k].waits);
	defer_cancel(&w->pump);
	loop_free(m->loop);
	free(w->apps);
	free(w->endpoints);
	free(w->subjects);
	free(w);
}

static int
by_size(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

usec_t
model_wait(const struct model *m, int kind, double share)
{
	const struct model_count *count = &m->count[kind];
	if (count->nwaits == 0)
		return 0;
	qsort(count->waits, (size_t)count->nwaits, sizeof(*count->waits), by_size);
	return count->waits[(int)(share * (count->nwaits - 1))];
}

void
model_print(const struct model *m)
{
	const struct world *w = (const struct world *)m;
	fprintf(stderr, "# kind    events   refused   spilled   started delivered  in flight"
			"  p50 us  p99 us p99.9 us  max us\n");
	for (int k = 0; k < w->nkinds; k++) {
		const struct model_count *c = &m->count[k];
		fprintf(stderr,
		    "# %4d %9lld %9lld %9lld %9lld %9lld %10d %7lld %7lld %8lld %7lld\n", k,
		    (long long)c->events, (long long)c->refused, (long long)c->spilled,
		    (long long)c->started, (long long)c->delivered, c->in_flight_max,
		    (long long)model_wait(m, k, 0.5), (long long)model_wait(m, k, 0.99),
		    (long long)model_wait(m, k, 0.999), (long long)model_wait(m, k, 1));
	}
	fprintf(stderr, "# in flight at most %d\n", m->in_flight_max);
}
