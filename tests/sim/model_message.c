/* Statements about messages and their names: message_*.sql, payload_load.sql, slot_newest.sql,
 * slot_recover.sql. */
#include <assert.h>

#include "base/id.h"

#include "ledger.h"
#include "model.h"
#include "wire.h"

#define CLOCKS_APART (INT64_C(10) * 60 * 1000 << 22) /* 10 minutes of ids, as in the statements */

/* The columns of message_append.sql, then what the other two have besides. */
enum argument {
	ARG_SLOT,
	ARG_EPOCH,
	ARG_APP,
	ARG_ID,
	ARG_VERSION,
	ARG_TYPE,
	ARG_CHANNELS,
	ARG_TARGETS,
	ARG_PAYLOAD,
	ARG_KEY,
	ARG_BODY,
	ARG_KEY_BUCKET,
	ARG_KEY_OLDEST,
	ARG_KEY_NEWEST,
	ARG_EVENT_ID,
	ARG_UID_BUCKET,
	ARG_UID_OLDEST,
	ARG_KEY_OTHER, /* and then what nobody here has */
	ARG_UID_OTHER,
};

/* ---- names -------------------------------------------------------------------------------- */

static struct name_row *
name_find(const struct call *c, enum table_name table, int64_t app_id, struct str name,
    int64_t oldest, int64_t newest)
{
	FOR_ROWS(row, name_row, table, c->txn)
	if (row->app_id == app_id && str_eq(row->name, name) && row->bucket >= oldest &&
	    row->bucket <= newest)
		return row;
	return NULL;
}

/* Another transaction is about to take that name. */
static bool
name_in_doubt(
    const struct call *c, enum table_name table, int64_t app_id, struct str name, int64_t bucket)
{
	for (int i = 0; i < db.table[table].n; i++) {
		const struct name_row *row = db.table[table].row[i];
		if (!row_seen(row, c->txn) && row->app_id == app_id && row->bucket == bucket &&
		    str_eq(row->name, name))
			return true;
	}
	return false;
}

static void
name_take(const struct call *c, enum table_name table, int64_t app_id, struct str name,
    int64_t bucket, struct str body, int64_t msg_id)
{
	struct name_row *row = table_insert(table, sizeof(*row), c->txn);
	row->app_id = app_id;
	row->name = arena_str(db.arena, name);
	row->bucket = (int32_t)bucket;
	row->body = arena_str(db.arena, body);
	row->msg_id = msg_id;
}

/* ---- appending ---------------------------------------------------------------------------- */

struct columns {
	struct values app, id, version, type, channels, targets, payload, key, body, event_id;
};

static void
read_columns(const struct call *c, struct columns *k)
{
	*k = (struct columns){
		.app = values_of(c->arg[ARG_APP], c->arena),
		.id = values_of(c->arg[ARG_ID], c->arena),
		.version = values_of(c->arg[ARG_VERSION], c->arena),
		.type = values_of(c->arg[ARG_TYPE], c->arena),
		.channels = values_of(c->arg[ARG_CHANNELS], c->arena),
		.targets = values_of(c->arg[ARG_TARGETS], c->arena),
		.payload = values_of(c->arg[ARG_PAYLOAD], c->arena),
	};
	if (c->n > ARG_KEY) {
		k->key = values_of(c->arg[ARG_KEY], c->arena);
		k->body = values_of(c->arg[ARG_BODY], c->arena);
	}
	if (c->n > ARG_EVENT_ID)
		k->event_id = values_of(c->arg[ARG_EVENT_ID], c->arena);
}

static bool
version_fits(const struct columns *k, int i)
{
	const struct app_row *app = app_find(value_int(k->app.v[i]));
	return app && !app->deleted &&
	       (app->version == value_int(k->version.v[i]) || model_without[WITHOUT_VERSION]);
}

static void
name_take_in(const struct call *c, enum table_name table, int64_t app_id, struct str name,
    int bucket, int other, struct str body, int64_t msg_id)
{
	name_take(c, table, app_id, name, value_int(c->arg[bucket]), body, msg_id);
	if (c->n > other && c->arg[other].p)
		name_take(c, table, app_id, name, value_int(c->arg[other]), body, msg_id);
}

static bool
name_in_doubt_in(const struct call *c, enum table_name table, int64_t app_id, struct str name,
    int bucket, int other)
{
	return name_in_doubt(c, table, app_id, name, value_int(c->arg[bucket])) ||
	       (c->n > other && c->arg[other].p &&
		   name_in_doubt(c, table, app_id, name, value_int(c->arg[other])));
}

/* Whether the names of the i-th event are free (and then taken). */
static bool
take_names(const struct call *c, const struct columns *k, int i)
{
	int64_t app = value_int(k->app.v[i]), id = value_int(k->id.v[i]);
	struct str key = k->key.n ? k->key.v[i] : (struct str){ NULL, 0 };
	struct str event_id = k->event_id.n ? k->event_id.v[i] : (struct str){ NULL, 0 };
	if (key.p && !model_without[WITHOUT_KEY] &&
	    name_find(c, TABLE_IDEMPOTENCY, app, key, value_int(c->arg[ARG_KEY_OLDEST]),
		value_int(c->arg[ARG_KEY_NEWEST])))
		return false;
	if (event_id.p &&
	    name_find(c, TABLE_MESSAGE_UID, app, event_id, value_int(c->arg[ARG_UID_OLDEST]),
		value_int(c->arg[ARG_UID_BUCKET]) + 1))
		return false;
	if (event_id.p)
		name_take_in(c, TABLE_MESSAGE_UID, app, event_id, ARG_UID_BUCKET, ARG_UID_OTHER,
		    (struct str){ NULL, 0 }, id);
	if (key.p)
		name_take_in(c, TABLE_IDEMPOTENCY, app, key, ARG_KEY_BUCKET, ARG_KEY_OTHER,
		    k->body.v[i], id);
	return true;
}

/* What the inserts of names would wait for. */
static bool
names_in_doubt(const struct call *c, const struct columns *k, int n)
{
	for (int i = 0; i < n; i++) {
		int64_t app = value_int(k->app.v[i]);
		if (k->key.n && k->key.v[i].p &&
		    name_in_doubt_in(
			c, TABLE_IDEMPOTENCY, app, k->key.v[i], ARG_KEY_BUCKET, ARG_KEY_OTHER))
			return true;
		if (k->event_id.n && k->event_id.v[i].p &&
		    name_in_doubt_in(
			c, TABLE_MESSAGE_UID, app, k->event_id.v[i], ARG_UID_BUCKET, ARG_UID_OTHER))
			return true;
	}
	return false;
}

static void
insert_message(const struct call *c, const struct columns *k, int i)
{
	struct message_row *m = table_insert(TABLE_MESSAGE, sizeof(*m), c->txn);
	m->app_id = value_int(k->app.v[i]);
	m->id = value_int(k->id.v[i]);
	m->version = value_int(k->version.v[i]);
	m->event_type = arena_str(db.arena, k->type.v[i]);
	m->event_id =
	    k->event_id.n ? arena_str(db.arena, k->event_id.v[i]) : (struct str){ NULL, 0 };
	m->channels = arena_str(db.arena, k->channels.v[i]);
	m->targets = arena_str(db.arena, k->targets.v[i]);
	m->payload = arena_str(db.arena, k->payload.v[i]);
	m->ntargets = (int)(m->targets.n / 8);
	ledger_stored(m);
}

static enum ran
append(const struct call *c, PGresult **ret)
{
	struct columns k;
	int64_t slot = value_int(c->arg[ARG_SLOT]), epoch = value_int(c->arg[ARG_EPOCH]);
	int rows = 0;
	read_columns(c, &k);
	if (names_in_doubt(c, &k, k.app.n))
		return RAN_WAITS;
	*ret = answer_new(1);
	if (db.slot[slot].now.epoch != epoch && !model_without[WITHOUT_EPOCH])
		return RAN;
	if (db.slot[slot].now.append_above >= value_int(k.id.v[0]))
		return RAN;
	txn_claim(c->txn, (int)slot, epoch);
	for (int i = 0; i < k.app.n; i++) {
		if (!version_fits(&k, i) || !take_names(c, &k, i))
			continue;
		insert_message(c, &k, i);
		answer_int8(*ret, rows++, 0, value_int(k.id.v[i]));
	}
	return RAN;
}

enum ran
model_message_append(const struct call *c, PGresult **ret)
{
	return append(c, ret);
}

enum ran
model_message_append_keyed(const struct call *c, PGresult **ret)
{
	return append(c, ret);
}

enum ran
model_message_append_named(const struct call *c, PGresult **ret)
{
	return append(c, ret);
}

/* For the edges of buckets: nobody here sends events with tags or a time of their own. */
enum ran
model_message_append_full(const struct call *c, PGresult **ret)
{
	return append(c, ret);
}

/* ---- reading ------------------------------------------------------------------------------ */

enum ran
model_message_exist(const struct call *c, PGresult **ret)
{
	struct values apps = values_of(c->arg[0], c->arena), ids = values_of(c->arg[1], c->arena);
	int rows = 0;
	*ret = answer_new(1);
	for (int i = 0; i < ids.n; i++)
		if (message_find(value_int(apps.v[i]), value_int(ids.v[i]), c->txn))
			answer_int8(*ret, rows++, 0, value_int(ids.v[i]));
	return RAN;
}

enum ran
model_message_why(const struct call *c, PGresult **ret)
{
	int64_t app_id = value_int(c->arg[0]);
	const struct app_row *app = app_find(app_id);
	PGresult *r = *ret = answer_new(10);
	for (int i = 0; i < 10; i++)
		answer_null(r, 0, i);
	if (app && !app->deleted)
		answer_int8(r, 0, 0, app->version);
	const struct name_row *best = NULL;
	FOR_ROWS(key, name_row, TABLE_IDEMPOTENCY, c->txn)
	if (c->arg[1].p && key->app_id == app_id && str_eq(key->name, c->arg[1]) &&
	    key->bucket >= value_int(c->arg[3]) && (!best || key->bucket < best->bucket) &&
	    message_find(app_id, key->msg_id, c->txn))
		best = key;
	if (best) {
		const struct message_row *m = message_find(app_id, best->msg_id, c->txn);
		answer_str(r, 0, 1, best->body);
		answer_int8(r, 0, 2, best->msg_id);
		answer_str(r, 0, 3, m->event_type);
		answer_str(r, 0, 4, m->event_id);
		answer_str(r, 0, 5, m->channels);
		answer_str(r, 0, 6, m->payload);
	}
	const struct name_row *uid = c->arg[2].p ? name_find(c, TABLE_MESSAGE_UID, app_id,
						       c->arg[2], value_int(c->arg[4]), INT32_MAX)
						 : NULL;
	if (uid)
		answer_int8(r, 0, 7, uid->msg_id);
	return RAN;
}

enum ran
model_message_uid_forget(const struct call *c, PGresult **ret)
{
	struct values apps = values_of(c->arg[0], c->arena), names = values_of(c->arg[1], c->arena);
	struct values ids = values_of(c->arg[2], c->arena);
	(void)ret;
	for (int i = 0; i < ids.n; i++) {
		for (int k = db.table[TABLE_MESSAGE_UID].n; k-- > 0;) {
			const struct name_row *row = db.table[TABLE_MESSAGE_UID].row[k];
			if (row_seen(row, c->txn) && row->app_id == value_int(apps.v[i]) &&
			    row->msg_id == value_int(ids.v[i]) && str_eq(row->name, names.v[i]))
				table_delete(TABLE_MESSAGE_UID, k);
		}
	}
	return RAN;
}

enum ran
model_payload_load(const struct call *c, PGresult **ret)
{
	struct values apps = values_of(c->arg[0], c->arena), ids = values_of(c->arg[1], c->arena);
	int64_t bytes = 0;
	PGresult *r = *ret = answer_new(2);
	for (int i = 0; i < ids.n; i++) {
		const struct message_row *m =
		    message_find(value_int(apps.v[i]), value_int(ids.v[i]), c->txn);
		bytes += m ? (int64_t)m->payload.n : 0;
		if (i > 0 && bytes > value_int(c->arg[2]))
			break;
		answer_str(r, i, 0, m ? m->event_type : (struct str){ 0 });
		answer_str(r, i, 1, m ? m->payload : (struct str){ 0 });
	}
	return RAN;
}

/* ---- recovery ----------------------------------------------------------------------------- */

enum ran
model_slot_newest(const struct call *c, PGresult **ret)
{
	int64_t newest = 0;
	*ret = answer_new(1);
	FOR_ROWS(m, message_row, TABLE_MESSAGE, c->txn)
	if (id_slot(m->id) == value_int(c->arg[0]) && m->id > value_int(c->arg[1]) &&
	    m->id > newest)
		newest = m->id;
	if (newest)
		answer_int8(*ret, 0, 0, newest);
	return RAN;
}

/* Those of the message whose first delivery was put off; in their order, once. */
static int
put_off_endpoints(const struct call *c, const struct message_row *m, int64_t *ret, int room)
{
	int64_t last = 0;
	for (int n = 0; n < room; n++) {
		int64_t next = INT64_MAX;
		FOR_ROWS(r, retry, TABLE_RETRY, c->txn)
		if (r->slot == value_int(c->arg[0]) && r->app_id == m->app_id &&
		    r->msg_id == m->id && r->chain == 0 && r->due.us >= value_time(c->arg[3]).us &&
		    r->due.us < value_time(c->arg[4]).us && r->endpoint_id > last &&
		    r->endpoint_id < next)
			next = r->endpoint_id;
		if (next == INT64_MAX)
			return n;
		ret[n] = last = next;
	}
	return room;
}

/* Endpoints whose first delivery is resolved by an attempt or a dead letter, is parked, or was put
 * off; with repetitions. */
static int
resolved_endpoints(const struct call *c, const struct message_row *m, int64_t *ret, int room)
{
	int n = 0;
	FOR_ROWS(a, attempt_row, TABLE_ATTEMPT, c->txn)
	if (a->app_id == m->app_id && a->msg_id == m->id && a->chain == 0 && n < room)
		ret[n++] = a->endpoint_id;
	FOR_ROWS(d, dead_row, TABLE_DEAD_LETTER, c->txn)
	if (d->app_id == m->app_id && d->msg_id == m->id && d->chain == 0 &&
	    d->id > m->id - CLOCKS_APART && n < room)
		ret[n++] = d->endpoint_id;
	FOR_ROWS(p, parked_row, TABLE_PARKED, c->txn)
	if (p->app_id == m->app_id && p->msg_id == m->id && p->chain == 0 && n < room)
		ret[n++] = p->endpoint_id;
	return n + put_off_endpoints(c, m, ret + n, room - n);
}

enum ran
model_slot_recover(const struct call *c, PGresult **ret)
{
	int64_t slot = value_int(c->arg[0]), after = value_int(c->arg[1]),
		limit = value_int(c->arg[2]);
	PGresult *r = *ret = answer_new(5);
	for (int row = 0; row < limit; row++) {
		const struct message_row *next = NULL;
		FOR_ROWS(m, message_row, TABLE_MESSAGE, c->txn)
		if (id_slot(m->id) == slot && m->id > after && (!next || m->id < next->id))
			next = m;
		if (!next)
			return RAN;
		after = next->id;
		int64_t done[512];
		int n = resolved_endpoints(c, next, done, 512);
		answer_int8(r, row, 0, next->app_id);
		answer_int8(r, row, 1, next->id);
		answer_str(r, row, 2, next->event_type);
		answer_str(r, row, 3, next->targets);
		answer_int8s(r, row, 4, done, n);
	}
	return RAN;
}
