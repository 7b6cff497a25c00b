/* Statements about applications and endpoints: catalogue_by_*.sql, endpoint_disable.sql,
 * watched_list.sql, notice_append.sql. */
#include <stdio.h>

#include "base/id.h"

#include "model.h"
#include "receiver.h"
#include "wire.h"

#define COLUMNS 32

static void
answer_endpoint(PGresult *r, int row, const struct endpoint_row *e)
{
	char url[64];
	snprintf(url, sizeof(url), RECEIVER_URL, e->number);
	answer_int8(r, row, 5, e->id);
	answer_str(r, row, 6, str_of(url));
	answer_int2(r, row, 7, 1);
	answer_bool(r, row, 8, e->disabled);
	answer_null(r, row, 9);
	answer_null(r, row, 10);
	answer_null(r, row, 11);
	answer_str(r, row, 12, STR("0123456789abcdef0123456789abcdef"));
	answer_null(r, row, 13);
	answer_null(r, row, 14);
	answer_null(r, row, 15);
	if (e->timeout_ms)
		answer_int4(r, row, 16, e->timeout_ms);
	if (e->max_in_flight)
		answer_int4(r, row, 17, e->max_in_flight);
	if (e->throttle_rate)
		answer_int4(r, row, 18, e->throttle_rate);
	const struct hold_values *h = &db.hold[e->number].now;
	if (e->ordered)
		answer_str(r, row, 19, e->by_key ? STR("key") : STR("endpoint"));
	answer_bool(r, row, 20, e->blocks);
	if (h->exists) {
		answer_int2(r, row, 21, h->state);
		answer_int2(r, row, 22, h->slot);
	}
	answer_int2(r, row, 24, 0);
}

static void
answer_app(PGresult *r, const struct app_row *app)
{
	int row = 0;
	for (int i = 0; i <= app->endpoints; i++) {
		const struct endpoint_row *e =
		    i < app->endpoints ? &db.endpoint[app->first_endpoint + i] : NULL;
		if (e ? e->deleted || app->deleted : row > 0)
			continue;
		answer_int8(r, row, 0, app->id);
		for (int column = 1; column < COLUMNS; column++)
			answer_null(r, row, column);
		answer_str(r, row, 1, STR("org"));
		answer_int8(r, row, 3, app->version);
		answer_bool(r, row, 4, app->deleted);
		if (app->throttle_rate)
			answer_int4(r, row, 23, app->throttle_rate);
		if (e)
			answer_endpoint(r, row, e);
		row++;
	}
}

enum ran
model_catalogue_by_id(const struct call *c, PGresult **ret)
{
	const struct app_row *app = app_find(value_int(c->arg[0]));
	*ret = answer_new(COLUMNS);
	if (app)
		answer_app(*ret, app);
	return RAN;
}

enum ran
model_catalogue_by_ref(const struct call *c, PGresult **ret)
{
	const struct app_row *app = c->arg[1].p ? app_find(value_int(c->arg[1])) : NULL;
	*ret = answer_new(COLUMNS);
	if (app && !app->deleted)
		answer_app(*ret, app);
	return RAN;
}

enum ran
model_endpoint_disable(const struct call *c, PGresult **ret)
{
	struct endpoint_row *e = endpoint_find(value_int(c->arg[1]));
	*ret = answer_new(1);
	if (!e || e->disabled || e->deleted)
		return RAN;
	struct app_row *app = app_find(e->app_id);
	if (!txn_touch_app(c->txn, app))
		return RAN_WAITS;
	txn_disable(c->txn, e);
	answer_int8(*ret, 0, 0, app->version + 1);
	return RAN;
}

/* Nobody is watched, so what attempts have shown is told to nobody. */
enum ran
model_watched_list(const struct call *c, PGresult **ret)
{
	(void)c;
	*ret = answer_new(1);
	return RAN;
}

enum ran
model_notice_append(const struct call *c, PGresult **ret)
{
	(void)c;
	*ret = answer_new(0);
	return RAN;
}
