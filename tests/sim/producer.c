/* Posts: one for each event. An answer of a worker that died reaches nobody; then a post with an
 * Idempotency-Key or an eventId is repeated, as producers are told to do, and others are given up.
 */
#include "producer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "dice.h"
#include "ledger.h"
#include "node.h"
#include "sim_loop.h"
#include "trace.h"

#define TRIES_MAX 12
#define GROUP_MAX 4

struct post {
	struct happening h;
	struct ingest_event ev;
	char payload[64], app[ID_TEXT_SIZE], event_id[32];
	struct node *node; /* while it asks */
	bool over;
	int group; /* with how many that follow it is sent as a list */
	int tries;
	int64_t app_id, msg_id; /* once it was acknowledged */
};

static struct post *posts;
static int count, open;

static void
over(struct post *p)
{
	p->over = true;
	open--;
}

static void
again(struct post *p)
{
	bool repeats = p->ev.has_key || p->ev.event_id.p;
	if (!repeats || ++p->tries == TRIES_MAX)
		over(p);
	else
		agenda_put(&p->h, agenda_now() + dice(0, USEC_PER_SEC));
}

static void
on_answer(void *arg, const struct ingest_answer *a, const struct err *e)
{
	struct post *p = arg;
	const struct node *n = p->node;
	p->node = NULL;
	if (n->dying || (e && e->kind == ERR_UNAVAILABLE)) {
		again(p);
		return;
	}
	over(p);
	if (e && e->kind == ERR_CONFLICT && p->ev.event_id.p)
		return; /* stored by an earlier try */
	if (e)
		violation("an event was refused: %s", e->text);
	if (a->replayed && p->tries == 0)
		violation("%lld is called a repetition and is none", (long long)a->msg_id);
	p->msg_id = a->msg_id;
	ledger_acknowledged(a->app_id, a->msg_id);
}

static void
submit(void *arg)
{
	struct post *p = arg;
	struct ingest_item items[GROUP_MAX];
	int n = 0;
	for (int i = 0; i < p->group; i++)
		if (i == 0 || (!p[i].over && !p[i].node && p[i].h.place))
			items[n++] = (struct ingest_item){ &p[i].ev, &p[i] };
	for (int i = 0; i < n; i++) {
		struct post *one = items[i].arg;
		one->node = p->node;
		agenda_remove(&one->h);
	}
	TRACE("post %.*s, %d", STR_FMT(p->ev.payload), n);
	ingest_submit_list(p->node->ingest, items, n, on_answer);
}

static void
on_time(void *arg)
{
	struct post *p = arg;
	struct node *n = world_node();
	if (!n) {
		agenda_put(&p->h, agenda_now() + 20 * USEC_PER_MS);
		return;
	}
	p->node = n;
	sim_loop_call(n->loop, submit, p);
}

static void
post_make(struct post *p, int number, const struct plan *plan)
{
	const struct app_row *app = &db.app[dice(0, db.napps - 1)];
	p->app_id = app->id;
	p->h = (struct happening){ .fn = on_time, .arg = p };
	p->ev = (struct ingest_event){
		.org = STR("org"),
		.app_ref = str_of(id_to_text(ID_APP, app->id, p->app)),
		.event_type = STR("a.b"),
	};
	if (dice_chance(plan->named)) {
		snprintf(p->event_id, sizeof(p->event_id), "event-%d", number);
		p->ev.event_id = str_of(p->event_id);
	}
	if (dice_chance(500)) {
		p->ev.has_ordering_key = true;
		p->ev.ordering_key = dice(1, 2);
	}
	if (dice_chance(plan->keyed)) {
		p->ev.has_key = true;
		memset(p->ev.key, 1 + number % 255, sizeof(p->ev.key));
		memcpy(p->ev.key, &number, sizeof(number));
		memset(p->ev.body, 1, sizeof(p->ev.body));
	}
	p->group = 1;
}

/* The payload tells what the order is made of (ledger_rules.c). */
static void
write_payload(struct post *p, int number, usec_t at)
{
	int n = snprintf(p->payload, sizeof(p->payload), "{\"n\":%d,\"key\":%d,\"at\":%lld}",
	    number, p->ev.has_ordering_key ? (int)p->ev.ordering_key : 0, (long long)at);
	p->ev.payload = (struct str){ p->payload, (size_t)n };
}

/* Each is posted with the first of its list. */
static usec_t
posted_at(int i)
{
	usec_t at = posts[i].h.at;
	for (int k = i > GROUP_MAX ? i - GROUP_MAX : 0; k < i; k++)
		if (k + posts[k].group > i && posts[k].h.at < at)
			at = posts[k].h.at;
	return at;
}

void
producer_start(const struct plan *plan)
{
	count = open = plan->events;
	posts = mem_zalloc(sizeof(*posts) * (size_t)count);
	for (int i = 0; i < count; i++) {
		post_make(&posts[i], i, plan);
		agenda_put(&posts[i].h, agenda_now() + dice(0, plan->events_until));
	}
	/* Lists are of one application, and of posts that come one after the other. */
	for (int i = 0; i < count; i++)
		while (dice_chance(plan->grouped) && posts[i].group < GROUP_MAX &&
		       i + posts[i].group < count &&
		       posts[i + posts[i].group].app_id == posts[i].app_id)
			posts[i].group++;
	for (int i = 0; i < count; i++)
		write_payload(&posts[i], i, posted_at(i));
}

void
producer_stop(void)
{
	for (int i = 0; i < count; i++)
		agenda_remove(&posts[i].h);
	free(posts);
	posts = NULL;
	count = open = 0;
}

int
producer_open(void)
{
	return open;
}
