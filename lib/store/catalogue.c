/* The catalogue's cache.
 *
 * Invariants: at most apps_max entries, least recently used ones go first, and what nobody has
 * asked for in IDLE_MAX goes by itself; an entry is found by id and, when it has one, by
 * organisation and uid; a load that is asked for while another one of the same key is on its way
 * waits for the next one, so that nobody gets an answer older than his question. */
#include "store/catalogue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/metric.h"

#include "pg/wire.h"
#include "statements.h"

#define ANSWER_MAX                                                                                 \
	(5 * USEC_PER_SEC) /* on the server; then those who wait are told to try again             \
			    */

/* Applications come and go for years: what is not used gives its memory back. */
#define IDLE_MAX   (15 * 60 * USEC_PER_SEC)
#define LOOK_AFTER (60 * USEC_PER_SEC)
#define LOOK_MAX   1000 /* entries of one look, so that no turn takes long */

struct entry {
	int64_t id;
	const struct cat_app *app; /* one reference */
	char *uid_key;             /* "org uid", owned; NULL without uid */
	TAILQ_ENTRY(entry) lru;
	usec_t used_at; /* in the order of lru */
	UT_hash_handle hh_id;
	UT_hash_handle hh_uid;
};

struct waiter {
	catalogue_fn fn;
	void *arg;
	STAILQ_ENTRY(waiter) entry;
};
STAILQ_HEAD(waiter_list, waiter);

/* A key whose application is being read. */
struct load {
	struct catalogue *catalogue;
	char *key;  /* "#id" or "org ref" */
	int64_t id; /* by id when org is NULL */
	char *org, *ref;
	struct arena *arena;
	struct waiter_list now, next; /* those of the query under way, and of the one after it */
	struct pg_ticket *ticket;
	UT_hash_handle hh;
};

struct catalogue {
	struct loop *loop;
	struct pg_pool *pool;
	int apps_max;
	int napps;
	struct entry *by_id, *by_uid;
	TAILQ_HEAD(entry_lru_head, entry) lru; /* most recently used first */
	struct load *loads;
	struct timer look; /* set while there are entries */
	void (*update_fn)(void *arg, const struct cat_app *app);
	void *update_arg;
};

/* ---- entries ------------------------------------------------------------------------------ */

/* A space cannot stand in an organisation or a uid. */
static char *
join_key(struct str org, struct str ref)
{
	char *key = mem_alloc(org.n + ref.n + 2);
	memcpy(key, org.p, org.n);
	key[org.n] = ' ';
	memcpy(key + org.n + 1, ref.p, ref.n);
	key[org.n + ref.n + 1] = '\0';
	return key;
}

static void
entry_unlink_uid(struct catalogue *c, struct entry *e)
{
	if (!e->uid_key)
		return;
	HASH_DELETE(hh_uid, c->by_uid, e);
	free(e->uid_key);
	e->uid_key = NULL;
}

static void
entry_free(struct catalogue *c, struct entry *e)
{
	entry_unlink_uid(c, e);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): e is in the table */
	HASH_DELETE(hh_id, c->by_id, e);
	TAILQ_REMOVE(&c->lru, e, lru);
	cat_app_unref(e->app);
	free(e);
	c->napps--;
	metric_add(METRIC_CATALOGUE_APPS, -1);
}

static struct entry *
entry_get(struct catalogue *c, int64_t id)
{
	struct entry *e;
	HASH_FIND(hh_id, c->by_id, &id, sizeof(id), e);
	return e;
}

static struct entry *
entry_get_uid(struct catalogue *c, const char *key)
{
	struct entry *e;
	HASH_FIND(hh_uid, c->by_uid, key, strlen(key), e);
	return e;
}

static struct entry *
entry_new(struct catalogue *c, int64_t id)
{
	struct entry *oldest = TAILQ_LAST(&c->lru, entry_lru_head);
	if (oldest && c->napps >= c->apps_max)
		entry_free(c, oldest);
	struct entry *e = mem_zalloc(sizeof(*e));
	e->id = id;
	HASH_ADD(hh_id, c->by_id, id, sizeof(e->id), e);
	TAILQ_INSERT_HEAD(&c->lru, e, lru);
	e->used_at = loop_now(c->loop);
	c->napps++;
	metric_add(METRIC_CATALOGUE_APPS, 1);
	if (!timer_pending(&c->look))
		timer_set(&c->look, LOOK_AFTER);
	return e;
}

static void
entry_link_uid(struct catalogue *c, struct entry *e)
{
	const struct cat_app *app = e->app;
	if (!app->uid.p || app->deleted)
		return;
	char *key = join_key(app->org, app->uid);
	struct entry *other = entry_get_uid(c, key);
	if (other)
		entry_unlink_uid(c, other); /* the uid has moved to this application */
	e->uid_key = key;
	HASH_ADD_KEYPTR(hh_uid, c->by_uid, e->uid_key, strlen(e->uid_key), e);
}

/* Puts a snapshot in, unless a newer one is there already (two loads may overtake each other);
 * takes its reference. Returns what is cached now. */
static const struct cat_app *
store(struct catalogue *c, const struct cat_app *app)
{
	struct entry *e = entry_get(c, app->id);
	if (e && e->app->version > app->version) {
		cat_app_unref(app);
		return e->app;
	}
	if (e) {
		entry_unlink_uid(c, e);
		cat_app_unref(e->app);
	} else {
		e = entry_new(c, app->id);
	}
	e->app = app;
	entry_link_uid(c, e);
	metric_add(METRIC_CATALOGUE_LOADS, 1);
	if (c->update_fn)
		c->update_fn(c->update_arg, app);
	return app;
}

static const struct cat_app *
touch(struct catalogue *c, struct entry *e)
{
	if (!e)
		return NULL;
	if (TAILQ_FIRST(&c->lru) != e) {
		TAILQ_REMOVE(&c->lru, e, lru);
		TAILQ_INSERT_HEAD(&c->lru, e, lru);
	}
	e->used_at = loop_now(c->loop);
	return e->app;
}

void
catalogue_drop_idle(struct catalogue *c, usec_t idle)
{
	struct entry *oldest;
	usec_t before = loop_now(c->loop) - idle;
	for (int i = 0; i < LOOK_MAX; i++) {
		oldest = TAILQ_LAST(&c->lru, entry_lru_head);
		if (!oldest || oldest->used_at > before)
			break;
		entry_free(c, oldest);
	}
	if (c->napps)
		timer_set(&c->look, LOOK_AFTER);
}

static void
on_look(void *arg)
{
	catalogue_drop_idle(arg, IDLE_MAX);
}

const struct cat_app *
catalogue_find_id(struct catalogue *c, int64_t app_id)
{
	return touch(c, entry_get(c, app_id));
}

const struct cat_app *
catalogue_find(struct catalogue *c, struct str org, struct str ref)
{
	int64_t id;
	struct entry *e;
	if (id_from_text(ID_APP, ref, &id) == 0) {
		e = entry_get(c, id);
	} else {
		char key[512];
		if (org.n + ref.n + 2 > sizeof(key))
			return NULL;
		memcpy(key, org.p, org.n);
		key[org.n] = ' ';
		memcpy(key + org.n + 1, ref.p, ref.n);
		key[org.n + 1 + ref.n] = '\0';
		e = entry_get_uid(c, key);
	}
	if (!e || e->app->deleted || !str_eq(e->app->org, org))
		return NULL;
	return touch(c, e);
}

/* ---- loading ------------------------------------------------------------------------------ */

static void load_send(struct load *ld);

static void
load_free(struct load *ld)
{
	struct waiter *w;
	while ((w = STAILQ_FIRST(&ld->next))) {
		STAILQ_REMOVE_HEAD(&ld->next, entry);
		free(w);
	}
	arena_free(ld->arena);
	free(ld->key);
	free(ld->org);
	free(ld->ref);
	free(ld);
}

static void
tell(struct waiter_list *list, const struct cat_app *app, const struct err *e)
{
	struct waiter *w;
	while ((w = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, entry);
		w->fn(w->arg, app, e);
		free(w);
	}
}

static void
on_loaded(void *arg, const struct pg_result *r, const struct err *e)
{
	struct load *ld = arg;
	struct catalogue *c = ld->catalogue;
	struct waiter_list told;
	struct err missing;
	const struct cat_app *app = NULL;
	ld->ticket = NULL;
	if (r && pg_rows(r->res[0]) > 0) {
		app = cat_app_ref(store(c, cat_app_read(r->res[0])));
	} else if (r) {
		err_set(&missing, ERR_NOT_FOUND, "Entity not found");
		e = &missing;
	}
	STAILQ_INIT(&told);
	STAILQ_CONCAT(&told, &ld->now);
	if (STAILQ_EMPTY(&ld->next)) {
		HASH_DEL(c->loads, ld);
		load_free(ld);
	} else {
		STAILQ_CONCAT(&ld->now, &ld->next);
		load_send(ld);
	}
	tell(&told, app, app ? NULL : e);
	cat_app_unref(app);
}

static void
load_send(struct load *ld)
{
	struct pg_args args;
	arena_reset(ld->arena);
	pg_args_init(&args, ld->arena);
	if (ld->org) {
		int64_t id;
		bool by_id = id_from_text(ID_APP, str_of(ld->ref), &id) == 0;
		pg_arg_text(&args, str_of(ld->org));
		if (by_id)
			pg_arg_int8(&args, id);
		else
			pg_arg_null(&args);
		pg_arg_text(&args, by_id ? (struct str){ NULL, 0 } : str_of(ld->ref));
	} else {
		pg_arg_int8(&args, ld->id);
	}
	struct pg_call call = { ld->org ? &stmt_catalogue_by_ref : &stmt_catalogue_by_id, &args };
	ld->ticket = pg_submit_at(CATALOGUE, ld->catalogue->pool, &call, 1, on_loaded, ld);
	pg_answer_within(ld->ticket, ANSWER_MAX);
}

/* The load of that key, new or under way. Takes key. */
static struct load *
load_get(struct catalogue *c, char *key, bool *ret_new)
{
	struct load *ld;
	HASH_FIND_STR(c->loads, key, ld);
	*ret_new = !ld;
	if (ld) {
		free(key);
		return ld;
	}
	ld = mem_zalloc(sizeof(*ld));
	ld->catalogue = c;
	ld->key = key;
	ld->arena = arena_new();
	STAILQ_INIT(&ld->now);
	STAILQ_INIT(&ld->next);
	HASH_ADD_KEYPTR(hh, c->loads, ld->key, strlen(ld->key), ld);
	return ld;
}

static void
load_join(struct load *ld, bool is_new, catalogue_fn fn, void *arg)
{
	struct waiter *w = mem_zalloc(sizeof(*w));
	w->fn = fn;
	w->arg = arg;
	if (is_new) {
		STAILQ_INSERT_TAIL(&ld->now, w, entry);
		load_send(ld);
	} else {
		STAILQ_INSERT_TAIL(&ld->next, w, entry);
	}
}

void
catalogue_load(struct catalogue *c, struct str org, struct str ref, catalogue_fn fn, void *arg)
{
	bool is_new;
	struct load *ld = load_get(c, join_key(org, ref), &is_new);
	if (is_new) {
		ld->org = mem_strndup(org.p, org.n);
		ld->ref = mem_strndup(ref.p, ref.n);
	}
	load_join(ld, is_new, fn, arg);
}

void
catalogue_load_id(struct catalogue *c, int64_t app_id, catalogue_fn fn, void *arg)
{
	bool is_new;
	char text[ID_TEXT_SIZE];
	id_to_text(ID_APP, app_id, text);
	struct load *ld = load_get(c, join_key(STR("#"), str_of(text)), &is_new);
	ld->id = app_id;
	load_join(ld, is_new, fn, arg);
}

static void
on_refreshed(void *arg, const struct cat_app *app, const struct err *e)
{
	(void)arg;
	(void)app;
	(void)e; /* the next beat reports the change again as long as it is young */
}

void
catalogue_changed(struct catalogue *c, int64_t app_id, int64_t version)
{
	struct entry *e = entry_get(c, app_id);
	if (e && e->app->version != version)
		catalogue_load_id(c, app_id, on_refreshed, NULL);
}

void
catalogue_on_update(
    struct catalogue *c, void (*fn)(void *arg, const struct cat_app *app), void *arg)
{
	c->update_fn = fn;
	c->update_arg = arg;
}

struct catalogue *
catalogue_new(struct loop *l, struct pg_pool *pool, int apps_max)
{
	struct catalogue *c = mem_zalloc(sizeof(*c));
	c->loop = l;
	c->pool = pool;
	c->apps_max = apps_max;
	TAILQ_INIT(&c->lru);
	timer_init(&c->look, l, on_look, c);
	return c;
}

void
catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	struct load *ld, *next;
	HASH_ITER(hh, c->loads, ld, next) {
		struct err e;
		err_set(&e, ERR_UNAVAILABLE, "the program stops");
		HASH_DEL(c->loads, ld);
		if (ld->ticket)
			pg_cancel(ld->ticket);
		tell(&ld->now, NULL, &e);
		tell(&ld->next, NULL, &e);
		load_free(ld);
	}
	while (!TAILQ_EMPTY(&c->lru))
		entry_free(c, TAILQ_FIRST(&c->lru));
	timer_done(&c->look);
	free(c);
}
