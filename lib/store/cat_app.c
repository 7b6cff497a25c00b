/* Snapshots of applications (cat_app.h): everything of one is in its arena, the snapshot too. */
#include "store/cat_app.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#include "pg/pg.h"
#include "pg/wire.h"

struct snapshot {
	struct cat_app app; /* first: a cat_app pointer is a snapshot pointer */
	int refs;
	struct arena *arena; /* owns everything, this struct included */
};

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
	COL_ANNOUNCES,
	COLUMNS,
};
static_assert(COLUMNS == CAT_APP_COLUMNS, "lib/store/cat_app.h");

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
	e->announces = pg_bool(r, row, COL_ANNOUNCES);
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
const struct cat_app *
cat_app_read(const PGresult *r)
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
	return &s->app;
}
