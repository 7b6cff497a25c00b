/* Nodes, events and a subscriber in one process (world.h). */
#include "world.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

#define APPS_MAX 1000

/* ---- the subscriber ----------------------------------------------------------------------- */

#define EMPTY(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n"
#define PLAY(text)                                                                                 \
	{                                                                                          \
		.bytes = { text, sizeof(text) - 1 }                                                \
	}

const struct receiver_play play_200 = PLAY(EMPTY("200 OK") "\r\n");
const struct receiver_play play_500 = PLAY(EMPTY("500 Oops") "\r\n");
const struct receiver_play play_410 = PLAY(EMPTY("410 Gone") "\r\n");
static const struct receiver_play play_429 = PLAY(EMPTY("429 Slow") "Retry-After: 3600\r\n\r\n");
static const struct receiver_play play_503 = PLAY(EMPTY("503 Busy") "Retry-After: 2\r\n\r\n");
static const struct receiver_play play_reset = { .end = RECEIVER_RESET };

static const struct receiver_play *
play_of(const struct world *w, const char *path)
{
	static const struct {
		const char *path;
		const struct receiver_play *play;
	} plays[] = { { "/200", &play_200 }, { "/500", &play_500 }, { "/410", &play_410 },
		{ "/429", &play_429 }, { "/503", &play_503 }, { "/reset", &play_reset },
		{ "/hold", NULL } };
	for (size_t i = 0; i < ARRAY_LEN(plays); i++)
		if (strncmp(path, plays[i].path, strlen(plays[i].path)) == 0)
			return plays[i].play;
	assert(strcmp(path, "/any") == 0);
	return w->any;
}

static const struct receiver_play *
on_request(void *arg, const struct receiver_request *rq)
{
	struct world *w = arg;
	w->arrivals = mem_realloc(w->arrivals, sizeof(*w->arrivals) * (size_t)(w->narrivals + 1));
	struct arrival *a = &w->arrivals[w->narrivals++];
	char *head = mem_strndup(rq->head.p, rq->head.n);
	const char *id = strstr(head, "webhook-id: ");
	assert(id && sscanf(head, "POST %31s", a->path) == 1);
	id += strlen("webhook-id: ");
	if (id_from_text(ID_MESSAGE, (struct str){ id, strcspn(id, "\r") }, &a->msg_id))
		abort();
	snprintf(a->body, sizeof(a->body), "%.*s", STR_FMT(rq->body));
	free(head);
	return play_of(w, a->path);
}

int64_t
world_endpoint(struct world *w, int64_t app_id, const char *path)
{
	char url[96];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", receiver_port(w->receiver), path);
	return db_endpoint(w->db, app_id, url);
}

int
arrived(const struct world *w, int64_t msg_id, const char *path)
{
	int n = 0;
	for (int i = 0; i < w->narrivals; i++)
		n += (!msg_id || w->arrivals[i].msg_id == msg_id) &&
		     (!path || strcmp(w->arrivals[i].path, path) == 0);
	return n;
}

int64_t
held(const struct world *w)
{
	return receiver_counts(w->receiver).held;
}

/* ---- the world ---------------------------------------------------------------------------- */

struct world *
world_new(struct db *db)
{
	struct world *w = mem_zalloc(sizeof(*w));
	signal(SIGPIPE, SIG_IGN);
	db_clear(db);
	db_exec(db, "do $$ declare t text; begin"
		    " for t in select inhrelid::regclass from pg_inherits"
		    "  where inhparent = 'retry'::regclass"
		    "  and partition_start(inhrelid::regclass::text) > now() + interval '6 hours'"
		    " loop execute 'drop table ' || t; end loop; end $$");
	w->db = db;
	w->loop = loop_new();
	w->receiver = receiver_new(w->loop, "127.0.0.1", NULL, on_request, w);
	STAILQ_INIT(&w->posts);
	return w;
}

void
world_free(struct world *w)
{
	for (int i = 0; i < WORLD_NODES_MAX; i++)
		if (w->nodes[i])
			node_kill(w->nodes[i]);
	backend_continue();
	struct post *p;
	while ((p = STAILQ_FIRST(&w->posts))) {
		STAILQ_REMOVE_HEAD(&w->posts, entry);
		free(p);
	}
	receiver_free(w->receiver);
	loop_free(w->loop);
	free(w->arrivals);
	free(w);
}

void
world_turn(struct world *w)
{
	loop_turn(w->loop, 1);
	for (int i = 0; i < WORLD_NODES_MAX; i++)
		if (w->nodes[i] && !w->nodes[i]->paused)
			loop_turn(w->nodes[i]->loop, w->nodes[i]->rests ? 1 : 0);
}

/* ---- nodes -------------------------------------------------------------------------------- */

static void
configure(struct config *c, const char *settings, enum config_source from)
{
	struct err e;
	struct str rest = str_of(settings), value, name;
	while (rest.n && str_split(&rest, ';', &value)) {
		char text[2][64];
		str_split(&value, '=', &name);
		name = str_trim(name);
		snprintf(text[0], sizeof(text[0]), "%.*s", STR_FMT(name));
		snprintf(text[1], sizeof(text[1]), "%.*s", STR_FMT(value));
		if (config_set(c, text[0], text[1], from, &e))
			fail_msg("%s", e.text);
	}
}

static struct pg_pool *
pool(struct node *n, int i, const char *name, const char *what, int connections, usec_t wait_max)
{
	snprintf(n->pool_name[i], sizeof(n->pool_name[i]), "%s-%s", name, what);
	usec_t run_max = strcmp(what, "append") == 0 ? n->world->append_run_max : 0;
	const struct pg_options o = {
		.url = db_url(n->world->db),
		.name = n->pool_name[i],
		.connections = connections,
		.wait_max = wait_max,
		.run_max = run_max ? run_max : 60 * USEC_PER_SEC,
		.prepare = true,
	};
	return pg_pool_new(n->loop, &o);
}

struct node *
node_begin(struct world *w, const char *name, const char *settings)
{
	struct node *n = mem_zalloc(sizeof(*n));
	struct err e;
	n->world = w;
	n->loop = loop_new();
	config_init(&n->config);
	configure(&n->config, "lease=60s; retry_schedule=; allow_addresses=127.0.0.0/8",
	    CONFIG_FROM_FILE);
	configure(&n->config, settings, CONFIG_FROM_FLAG);
	/* As a worker does. */
	n->append = pool(n, 0, name, "append", 1, USEC_PER_SEC);
	n->record = pool(n, 1, name, "record", 1, USEC_PER_SEC);
	n->load = pool(n, 2, name, "load", 2, 2 * USEC_PER_SEC);
	n->lease = pool(n, 3, name, "lease", 1, n->config.lease * USEC_PER_MS / 2);
	n->catalogue = catalogue_new(n->loop, n->load, w->apps_max ? w->apps_max : APPS_MAX);
	const struct sender_pools pools = { n->record, n->load, n->lease };
	n->sender = sender_new(n->loop, &n->config, n->catalogue, &pools, &e);
	if (!n->sender)
		fail_msg("%s", e.text);
	n->ingest = ingest_new(n->loop, &n->config, n->catalogue, n->sender, n->append, n->load);
	int i = 0;
	while (w->nodes[i])
		assert(++i < WORLD_NODES_MAX);
	w->nodes[i] = n;
	return n;
}

struct node *
node_start(struct world *w, const char *name, const char *settings)
{
	struct node *n = node_begin(w, name, settings);
	UNTIL(w, node_slot(n) >= 0 && pg_pool_ready(n->append) && pg_pool_ready(n->record) &&
		     pg_pool_ready(n->load) == 2);
	return n;
}

void
node_kill(struct node *n)
{
	for (int i = 0; i < WORLD_NODES_MAX; i++)
		if (n->world->nodes[i] == n)
			n->world->nodes[i] = NULL;
	catalogue_free(n->catalogue);
	ingest_free(n->ingest);
	sender_free(n->sender);
	pg_pool_free(n->append);
	pg_pool_free(n->record);
	pg_pool_free(n->load);
	pg_pool_free(n->lease);
	loop_free(n->loop);
	free(n);
}

static void
on_drained(void *arg)
{
	struct node *n = arg;
	n->drained = true;
}

void
node_stop(struct node *n)
{
	sender_drain(n->sender, on_drained, n);
	UNTIL(n->world, n->drained);
	node_kill(n);
}

int
node_slot(const struct node *n)
{
	int slot;
	int64_t epoch;
	return sender_home(n->sender, &slot, &epoch) ? slot : -1;
}

void
node_lapse(struct node *n)
{
	struct db *db = n->world->db;
	n->paused = true;
	/* A beat that is on its way would extend the lease again. */
#define BEATS " from pg_stat_activity where application_name = 'posthorn %s'"
	(void)db_int(db, "select count(pg_terminate_backend(pid))" BEATS, n->pool_name[3]);
	/* Within a transaction the view stands still. */
	UNTIL(n->world, (db_exec(db, "select pg_stat_clear_snapshot()"),
			    db_int(db, "select count(*)" BEATS, n->pool_name[3]) == 0));
#undef BEATS
	db_exec(
	    n->world->db, "update slot set lease_until = '-infinity' where id = %d", node_slot(n));
}

int
node_backend(const struct node *n, const char *pool_name)
{
	const char *name = NULL;
	for (int i = 0; i < 4; i++)
		if (strcmp(strchr(n->pool_name[i], '-') + 1, pool_name) == 0)
			name = n->pool_name[i];
	int pid = (int)db_int(n->world->db,
	    "select pid from pg_stat_activity where application_name = 'posthorn %s'", name);
	assert(pid > 0);
	return pid;
}

static int stopped; /* the one that is, or 0 */

void
backend_stop(int pid)
{
	assert(!stopped);
	if (kill(pid, SIGSTOP))
		fail_msg("cannot stop the server's process");
	stopped = pid;
}

void
backend_continue(void)
{
	if (stopped)
		kill(stopped, SIGCONT);
	stopped = 0;
}

/* ---- events ------------------------------------------------------------------------------- */

static void
on_answer(void *arg, const struct ingest_answer *a, const struct err *e)
{
	struct post *p = arg;
	assert_true(!a != !e);
	p->calls++;
	p->ok = !e;
	if (e) {
		p->error = e->kind;
		snprintf(p->text, sizeof(p->text), "%s", e->text);
		return;
	}
	p->id = a->msg_id;
	p->replayed = a->replayed;
}

struct post *
post_new(struct world *w, const char *app, int number)
{
	struct post *p = mem_zalloc(sizeof(*p));
	int n = snprintf(p->payload, sizeof(p->payload), "{\"n\":%d}", number);
	p->ev = (struct ingest_event){ .org = STR("org"),
		.app_ref = str_of(app),
		.event_type = STR("a.b"),
		.payload = { p->payload, (size_t)n } };
	STAILQ_INSERT_TAIL(&w->posts, p, entry);
	return p;
}

void
post_key(struct post *p, const char *key, const char *body)
{
	p->ev.has_key = true;
	snprintf((char *)p->ev.key, sizeof(p->ev.key), "%s", key);
	snprintf((char *)p->ev.body, sizeof(p->ev.body), "%s", body);
}

void
post_send(struct node *n, struct post *p)
{
	int before = p->calls;
	ingest_submit(n->ingest, &p->ev, on_answer, p);
	assert_int_equal(p->calls, before); /* never from inside */
}

void
post_send_list(struct node *n, struct post *const *p, int count)
{
	struct ingest_item *items = mem_zalloc(sizeof(*items) * (size_t)count);
	for (int i = 0; i < count; i++)
		items[i] = (struct ingest_item){ &p[i]->ev, p[i] };
	ingest_submit_list(n->ingest, items, count, on_answer);
	free(items);
	for (int i = 0; i < count; i++)
		assert_int_equal(p[i]->calls, 0);
}

int64_t
post_ok(struct node *n, const char *app, int number)
{
	struct post *p = post_new(n->world, app, number);
	post_send(n, p);
	UNTIL(n->world, p->calls);
	assert_int_equal(p->calls, 1);
	if (!p->ok)
		fail_msg("the event was refused: %s", err_code(p->error));
	return p->id;
}

/* ---- what is stored ----------------------------------------------------------------------- */

static int
rows_of(struct world *w, const char *table, int64_t msg_id)
{
	return (int)db_int(
	    w->db, "select count(*) from %s where %lld in (0, msg_id)", table, (long long)msg_id);
}

int
attempts(struct world *w, int64_t msg_id)
{
	return rows_of(w, "attempt", msg_id);
}

int
dead_letters(struct world *w, int64_t msg_id)
{
	return rows_of(w, "dead_letter", msg_id);
}

bool
all_resolved(struct world *w)
{
	return db_int(w->db, "select (select count(*) from open_target)"
			     " + (select count(*) from open_retry)"
			     " + (select count(*) from open_parked)") == 0;
}

int
passed(struct world *w)
{
	return (int)db_int(w->db, "select count(*) from passed");
}
