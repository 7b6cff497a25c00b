/* The steps' stand (task_stand.h). */
#include "task_stand.h"

#include <stdio.h>

#include "base/id.h"

#include "../unit/unit.h"

#define PARAMS_MAX 24
#define NOW_AGO_US (3600 * USEC_PER_SEC) /* of message 0 */

/* ---- the world ---------------------------------------------------------------------------- */

int64_t
stand_message_id(const struct stand *s, int i)
{
	return s->first + ((int64_t)i * 1000 << 22);
}

int64_t
stand_letter_id(const struct stand *s, int i)
{
	return stand_message_id(s, i) + ((int64_t)10 << 22);
}

static void
store(struct stand *s, int i, int n, const char *targets)
{
	db_exec(s->db,
	    "insert into message (app_id, id, event_type, targets, payload)"
	    " select %lld, %lld + (i::int8 * 1000 << 22), 'a.b', %s, '{}'"
	    " from generate_series(%d, %d) i",
	    (long long)s->app_id, (long long)s->first, targets, i, i + n - 1);
}

void
stand_store(struct stand *s, int i, int n)
{
	char targets[40];
	snprintf(targets, sizeof(targets), "int8send(%lld)", (long long)s->endpoint_id);
	store(s, i, n, targets);
}

void
stand_store_untargeted(struct stand *s, int i, int n)
{
	store(s, i, n, "''");
}

void
stand_attempt(struct stand *s, int i, int n, bool success, int64_t chain)
{
	db_exec(s->db,
	    "insert into attempt (app_id, msg_id, id, endpoint_id, chain, seq, tries, status, trigger,"
	    " http_status, transport, duration_ms, url_no)"
	    " select %lld, m, m + (5 << 22) + (%lld & 4095), %lld, %lld, 0, 1, %d, 0, %d, 0, 1, 1"
	    " from (select %lld + (i::int8 * 1000 << 22) as m from generate_series(%d, %d) i) x",
	    (long long)s->app_id, (long long)chain, (long long)s->endpoint_id, (long long)chain,
	    success ? 0 : 2, success ? 200 : 500, (long long)s->first, i, i + n - 1);
}

void
stand_letter(struct stand *s, int i, int n)
{
	db_exec(s->db,
	    "insert into dead_letter (app_id, id, org, msg_id, endpoint_id, event_type, chain, seq,"
	    " reason, last_status, attempts)"
	    " select %lld, m + (10 << 22), 'org', m, %lld, 'a.b', 0, 0, 1, 500, 1"
	    " from (select %lld + (i::int8 * 1000 << 22) as m from generate_series(%d, %d) i) x",
	    (long long)s->app_id, (long long)s->endpoint_id, (long long)s->first, i, i + n - 1);
}

int64_t
stand_task(struct stand *s, int64_t cursor)
{
	static int64_t last;
	int64_t id = ++last + s->first;
	db_exec(s->db,
	    "insert into task (id, org, app_id, name, status, filter, cursor, by, owner, lease_until)"
	    " values (%lld, 'org', %lld, 'x', 'running', '{}', %lld, 'me', %d,"
	    "  now() + interval '1 minute')",
	    (long long)id, (long long)s->app_id, (long long)cursor, STAND_OWNER);
	return id;
}

void
stand_set_up(struct stand *s, struct db *db)
{
	struct wall then = { clock_wall().us - NOW_AGO_US };
	db_clear(db);
	*s = (struct stand){ .db = db, .app_id = db_app(db, "u") };
	s->endpoint_id = db_endpoint(db, s->app_id, "http://127.0.0.1/");
	s->first = id_floor(then) + (STAND_SLOT << 12);
	db_exec(db, "update slot set owner = 1, epoch = %d where id = %d", STAND_EPOCH, STAND_SLOT);
	s->task_id = stand_task(s, s->first - 1);
}

/* ---- steps -------------------------------------------------------------------------------- */

struct params {
	char text[PARAMS_MAX][32];
	const char *value[PARAMS_MAX];
	int n;
};

static void
add_number(struct params *p, int64_t v)
{
	snprintf(p->text[p->n], sizeof(p->text[0]), "%lld", (long long)v);
	p->value[p->n] = p->text[p->n];
	p->n++;
}

static void
add_text(struct params *p, const char *v)
{
	p->value[p->n++] = v && *v ? v : NULL;
}

static int64_t
or_usual(int64_t v, int64_t usual)
{
	return v ? v : usual;
}

/* In the order of task_runner.c: what all steps have, what this kind has, the slot, the bound. */
static void
step_params(const struct stand *s, const struct step *step, struct params *p)
{
	int64_t task_id = or_usual(step->task_id, s->task_id);
	int64_t cursor = step->cursor;
	if (cursor == -1)
		cursor =
		    db_int(s->db, "select cursor from task where id = %lld", (long long)task_id);
	add_number(p, task_id);
	add_number(p, or_usual(step->owner, STAND_OWNER));
	add_number(p, cursor);
	add_number(p, or_usual(step->rows, 200));
	add_number(p, 10000);
	add_text(p, "me");
	add_text(p, step->org ? step->org : "org");
	add_number(p, or_usual(step->below, INT64_MAX));
	if (step->app_id == -1)
		add_text(p, NULL);
	else
		add_number(p, or_usual(step->app_id, s->app_id));
	for (int i = 0; i < step->nown; i++)
		add_text(p, step->own[i]);
	if (step->delivers) {
		add_number(p, STAND_SLOT);
		add_number(p, or_usual(step->epoch, STAND_EPOCH));
		add_text(p, "now");
	}
	add_number(p, or_usual(step->look, 1000));
}

void
stand_send(PGconn *c, const struct stand *s, const struct pg_stmt *stmt, const struct step *step)
{
	struct params p = { .n = 0 };
	step_params(s, step, &p);
	assert_int_equal(p.n, stmt->nparams);
	assert_int_equal(PQsendQueryParams(c, stmt->sql, p.n, NULL, p.value, NULL, NULL, 0), 1);
}

struct stepped
stand_answer(PGconn *c, const char *what)
{
	PGresult *r = PQgetResult(c), *end = PQgetResult(c);
	struct stepped ret = { .ours = false };
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", what, PQresultErrorMessage(r));
	assert_null(end);
	if (PQntuples(r) > 0 && PQnfields(r) > 1) {
		ret.ours = true;
		ret.finished = *PQgetvalue(r, 0, 1) == 't';
		if (str_to_i64(str_of(PQgetvalue(r, 0, 0)), INT64_MIN, INT64_MAX, &ret.cursor))
			fail_msg("%s: no cursor", what);
	}
	for (int row = 0; PQnfields(r) > 3 && row < PQntuples(r); row++)
		ret.planned += !PQgetisnull(r, row, 3);
	PQclear(r);
	return ret;
}

struct stepped
stand_step(const struct stand *s, const struct pg_stmt *stmt, const struct step *step)
{
	stand_send(s->db->sql, s, stmt, step);
	return stand_answer(s->db->sql, stmt->name);
}
