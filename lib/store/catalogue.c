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

struct snapshot {
	struct cat_app app; /* first: a cat_app pointer is a snapshot pointer */
	int refs;
	struct arena *arena; /* owns everything, this struct included */
};

struct entry {
	int64_t id;
	struct snapshot *snapshot; /* one reference */
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

/* ---- snapshots ---------------------------------------------------------------------------- */

static struct snapshot *
snapshot_of(const struct cat_app *app)
{
	return (struct snapshot *)(uintptr_t)app;
}

const struct cat_app *
cat_app_ref(const struct cat_app *app)
{
	snapshot_of(app)->refs++;
	return app;
}

void
cat_app_unref(const struct cat_app *app)
{
	if (!app)
		return;
	struct snapshot *s = snapshot_of(app);
	assert(s->refs > 0);
	if (--s->refs == 0)
		arena_free(s->arena);
}

const struct cat_endpoint *
cat_endpoint_get(const struct cat_app *app, int64_t endpoint_id)
{
	int low = 0, high = app->nendpoints - 1;
	while (low <= high) {
		int mid = (low + high) / 2;
		if (app->endpoints[mid].id == endpoint_id)
			return &app->endpoints[mid];
		if (app->endpoints[mid].id < endpoint_id)
			low = mid + 1;
		else
			high = mid - 1;
	}
	return NULL;
}

/* Columns of catalogue_by_id.sql and catalogue_by_ref.sql. */
enum column {
	COL_APP_ID,
	COL_ORG,
	COL_UID,
	COL_VERSION,
	COL_DELETED,
	COL_ENDPOINT_ID,
	COL_URL,
	COL_URL_NO,
	COL_DISABLED,
	COL_EVENT_TYPES,
	COL_CHANNELS,
	COL_HEADERS,
	COL_SECRET,
	COL_OLD_SECRETS,
	COL_OLD_UNTIL,
	COL_SCHEDULE,
	COL_TIMEOUT_MS,
	COL_MAX_IN_FLIGHT,
	COL_THROTTLE_RATE,
	COL_ORDERING,
	COL_BLOCKS,
	COL_HOLD,
	COL_HOLD_SLOT,
	COL_APP_THROTTLE_RATE,
	COL_SECRET_KIND,
	COL_OLD_KINDS,
	COL_POLLS,
	COL_PROFILE,
	COL_TEMPLATE,
	COL_FORMAT,
	COL_VOIDS, /* of the first row only */
};

static int
compare_strs(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void
read_filter(const PGresult *r, int row, struct arena *a, struct filter *f)
{
	struct str *types, *channels;
	f->ntypes = pg_strs(r, row, COL_EVENT_TYPES, a, &types);
	qsort(types, (size_t)f->ntypes, sizeof(*types), compare_strs);
	f->types = types;
	f->nchannels = pg_strs(r, row, COL_CHANNELS, a, &channels);
	f->channels = channels;
}

static void
wipe_secrets(void *arg)
{
	struct cat_endpoint *e = arg;
	for (int i = 0; i < e->nsecrets; i++)
		sign_secret_wipe((struct sign_secret *)(uintptr_t)&e->secrets[i]);
}

static bool
set_secret(struct sign_secret *s, int64_t kind, struct str bytes)
{
	s->kind = (enum sign_kind)kind;
	return secret_set(&s->key, bytes.p, bytes.n) == 0;
}

/* The current key first, then the old ones, the newest of them first. */
static void
read_secrets(const PGresult *r, int row, struct arena *a, struct cat_endpoint *e)
{
	struct str *old;
	int64_t *until, *kind;
	int n = pg_strs(r, row, COL_OLD_SECRETS, a, &old), count = 0;
	if (pg_int8s(r, row, COL_OLD_UNTIL, a, &until) < n)
		n = 0;
	/* Keys of before kinds were stored have none: those are symmetric. */
	int nkinds = pg_int8s(r, row, COL_OLD_KINDS, a, &kind);
	int room = n < SIGN_KEYS_MAX - 1 ? n + 1 : SIGN_KEYS_MAX;
	struct sign_secret *secrets = arena_zalloc(a, sizeof(*secrets) * (size_t)room);
	struct wall *untils = arena_zalloc(a, sizeof(*untils) * (size_t)room);
	if (set_secret(&secrets[0], pg_int(r, row, COL_SECRET_KIND), pg_str(r, row, COL_SECRET)))
		count++;
	for (int i = n - 1; i >= 0; i--) {
		int64_t k = i < nkinds ? kind[i] : SIGN_HMAC;
		if (count < room && set_secret(&secrets[count], k, old[i]))
			untils[count++].us = until[i] + PG_EPOCH_US;
		explicit_bzero((char *)(uintptr_t)old[i].p, old[i].n);
	}
	e->secrets = secrets;
	e->secrets_until = untils;
	e->nsecrets = count;
	arena_own(a, e, wipe_secrets);
}

static void
read_shape(const PGresult *r, int row, struct arena *a, struct cat_endpoint *e)
{
	struct str format = pg_str(r, row, COL_FORMAT);
	e->profile = arena_str(a, pg_str(r, row, COL_PROFILE));
	e->template = arena_str(a, pg_str(r, row, COL_TEMPLATE));
	if (format.p)
		e->format = str_eq(format, STR("cloudevents-structured")) ? FORMAT_STRUCTURED
									  : FORMAT_BINARY;
}

static void
read_headers(const PGresult *r, int row, struct arena *a, struct cat_endpoint *e)
{
	struct str *lines;
	e->nheaders = pg_strs(r, row, COL_HEADERS, a, &lines);
	const char **headers = arena_alloc(a, sizeof(*headers) * (size_t)e->nheaders);
	for (int i = 0; i < e->nheaders; i++)
		headers[i] = lines[i].p; /* arena copies are NUL-terminated */
	e->headers = headers;
}

static void
read_schedule(const PGresult *r, int row, struct arena *a, struct cat_endpoint *e)
{
	int64_t *delays;
	e->has_schedule = !pg_null(r, row, COL_SCHEDULE);
	int n = pg_int8s(r, row, COL_SCHEDULE, a, &delays);
	if (n > BACKOFF_STEPS_MAX)
		n = BACKOFF_STEPS_MAX;
	e->schedule.steps = n;
	for (int i = 0; i < n; i++)
		e->schedule.delay_ms[i] = delays[i];
}

static void
read_hold(const PGresult *r, int row, struct cat_endpoint *e)
{
	struct str ordering = pg_str(r, row, COL_ORDERING);
	if (ordering.p)
		e->ordering = str_eq(ordering, STR("endpoint")) ? ORDERING_ENDPOINT : ORDERING_KEY;
	e->blocks = pg_bool(r, row, COL_BLOCKS);
	e->held = !pg_null(r, row, COL_HOLD);
	e->hold = (enum hold_state)pg_int(r, row, COL_HOLD);
	e->hold_slot = (int16_t)pg_int(r, row, COL_HOLD_SLOT);
}

static void
read_endpoint(const PGresult *r, int row, struct arena *a, struct cat_endpoint *e)
{
	e->id = pg_int(r, row, COL_ENDPOINT_ID);
	e->url = arena_str(a, pg_str(r, row, COL_URL));
	e->url_no = (int16_t)pg_int(r, row, COL_URL_NO);
	e->disabled = pg_bool(r, row, COL_DISABLED);
	e->timeout_ms = pg_int(r, row, COL_TIMEOUT_MS);
	e->max_in_flight = (int)pg_int(r, row, COL_MAX_IN_FLIGHT);
	e->throttle_rate = (int)pg_int(r, row, COL_THROTTLE_RATE);
	read_hold(r, row, e);
	read_filter(r, row, a, &e->filter);
	read_headers(r, row, a, e);
	read_secrets(r, row, a, e);
	read_shape(r, row, a, e);
	read_schedule(r, row, a, e);
}

/* The items of "a,b,c", sorted. */
static int
read_list(struct str text, struct arena *a, const struct str **ret)
{
	int n = 0, commas = 0;
	for (size_t i = 0; i < text.n; i++)
		commas += text.p[i] == ',';
	struct str item, *items = arena_alloc(a, sizeof(*items) * (size_t)(commas + 1));
	while (text.n && str_split(&text, ',', &item))
		items[n++] = item;
	qsort(items, (size_t)n, sizeof(*items), compare_strs);
	*ret = items;
	return n;
}

/* "id types channels" each; those of no type or channel take all. */
static void
read_polls(const PGresult *r, struct arena *a, struct cat_app *app)
{
	struct str *texts, id, types = { NULL, 0 };
	int n = pg_strs(r, 0, COL_POLLS, a, &texts);
	struct cat_poll *polls = arena_zalloc(a, sizeof(*polls) * (size_t)n);
	for (int i = 0; i < n; i++) {
		struct str rest = texts[i];
		if (!str_split(&rest, ' ', &id) || !str_split(&rest, ' ', &types) ||
		    str_to_i64(id, 0, INT64_MAX, &polls[app->npolls].id))
			continue; /* nothing that the statement writes */
		struct filter *f = &polls[app->npolls++].filter;
		f->ntypes = read_list(types, a, &f->types);
		f->nchannels = read_list(rest, a, &f->channels);
	}
	app->polls = polls;
}

/* "version made from scope", the times in seconds and microseconds. */
static void
read_void(struct str text, struct cat_void *v)
{
	struct str version, made, from;
	if (str_split(&text, ' ', &version) && str_split(&text, ' ', &made) &&
	    str_split(&text, ' ', &from) && str_to_i64(version, 0, INT64_MAX, &v->version) == 0 &&
	    str_to_i64(made, 0, INT64_MAX, &v->made_s) == 0 &&
	    str_to_i64(from, 0, INT64_MAX, &v->from.us) == 0)
		v->scope = text.p ? text : STR("");
	else
		*v = (struct cat_void){ STR(""), INT64_MAX, INT64_MAX, { 0 } }; /* all of them */
}

static void
read_voids(const PGresult *r, struct arena *a, struct cat_app *app)
{
	struct str *text;
	app->nvoids = pg_strs(r, 0, COL_VOIDS, a, &text);
	struct cat_void *voids = arena_zalloc(a, sizeof(*voids) * (size_t)(app->nvoids + 1));
	for (int i = 0; i < app->nvoids; i++)
		read_void(text[i], &voids[i]);
	app->voids = voids;
}

/* All rows of the result are one application's. */
static struct snapshot *
snapshot_new(const PGresult *r)
{
	struct arena *a = arena_new_small();
	struct snapshot *s = arena_zalloc(a, sizeof(*s));
	s->arena = a;
	s->refs = 1;
	s->app.id = pg_int(r, 0, COL_APP_ID);
	s->app.org = arena_str(a, pg_str(r, 0, COL_ORG));
	s->app.uid = arena_str(a, pg_str(r, 0, COL_UID));
	s->app.version = pg_int(r, 0, COL_VERSION);
	s->app.deleted = pg_bool(r, 0, COL_DELETED);
	s->app.throttle_rate = (int)pg_int(r, 0, COL_APP_THROTTLE_RATE);
	read_voids(r, a, &s->app);
	int n = pg_null(r, 0, COL_ENDPOINT_ID) ? 0 : pg_rows(r);
	struct cat_endpoint *endpoints = arena_zalloc(a, sizeof(*endpoints) * (size_t)n);
	for (int i = 0; i < n; i++)
		read_endpoint(r, i, a, &endpoints[i]);
	s->app.endpoints = endpoints;
	s->app.nendpoints = n;
	read_polls(r, a, &s->app);
	return s;
}

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
	cat_app_unref(&e->snapshot->app);
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
	const struct cat_app *app = &e->snapshot->app;
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
store(struct catalogue *c, struct snapshot *s)
{
	struct entry *e = entry_get(c, s->app.id);
	if (e && e->snapshot->app.version > s->app.version) {
		cat_app_unref(&s->app);
		return &e->snapshot->app;
	}
	if (e) {
		entry_unlink_uid(c, e);
		cat_app_unref(&e->snapshot->app);
	} else {
		e = entry_new(c, s->app.id);
	}
	e->snapshot = s;
	entry_link_uid(c, e);
	metric_add(METRIC_CATALOGUE_LOADS, 1);
	if (c->update_fn)
		c->update_fn(c->update_arg, &s->app);
	return &s->app;
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
	return &e->snapshot->app;
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
	if (!e || e->snapshot->app.deleted || !str_eq(e->snapshot->app.org, org))
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
		app = cat_app_ref(store(c, snapshot_new(r->res[0])));
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
	if (e && e->snapshot->app.version != version)
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
