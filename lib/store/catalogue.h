/* The catalogue: applications with their endpoints, as the sender and the ingestor need them. A
 * bounded cache of the database, checked by version: an event is stored only under the version it
 * was matched with (message_append.sql), so a stale entry costs a second try and never a wrong
 * match. Running deliveries see changes because the worker's beat tells which applications changed.
 *
 * Entries are immutable snapshots with a reference count; a change makes a new one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#include "loop/loop.h"
#include "pg/pg.h"
#include "store/cat_app.h"

struct catalogue; /* opaque */

struct catalogue *catalogue_new(struct loop *l, struct pg_pool *pool, int apps_max);
void catalogue_free(struct catalogue *c);

/* What is cached, or NULL. `ref` is an id in text form or a uid. The result is borrowed until the
 * next turn; take a reference to keep it. */
const struct cat_app *catalogue_find(struct catalogue *c, struct str org, struct str ref);
const struct cat_app *catalogue_find_id(struct catalogue *c, int64_t app_id);

/* Reads it from the database (again). Exactly one of app and e is not NULL; ERR_NOT_FOUND when
 * there is no such application. Runs exactly once, never from inside. Concurrent loads of one
 * application share a query only when that query had not been sent yet, so that what is returned is
 * never older than the call. */
typedef void (*catalogue_fn)(void *arg, const struct cat_app *app, const struct err *e);
void catalogue_load(
    struct catalogue *c, struct str org, struct str ref, catalogue_fn fn, void *arg);
void catalogue_load_id(struct catalogue *c, int64_t app_id, catalogue_fn fn, void *arg);

/* The beat's news: reads the application again when it is cached with another version. */
void catalogue_changed(struct catalogue *c, int64_t app_id, int64_t version);

/* Forgets what nobody has asked for so long; at most 1000 applications a call. The catalogue does
 * it by itself once a minute, after a quarter of an hour. */
void catalogue_drop_idle(struct catalogue *c, usec_t idle);

/* Called whenever a new snapshot replaced an older one, or was first read. */
void catalogue_on_update(
    struct catalogue *c, void (*fn)(void *arg, const struct cat_app *app), void *arg);
