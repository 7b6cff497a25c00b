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
#include "policy/backoff.h"
#include "policy/filter.h"
#include "policy/sign.h"
#include "store/hold.h"

enum event_format {
	FORMAT_NONE,       /* the payload as it is */
	FORMAT_BINARY,     /* CloudEvents in headers beside it */
	FORMAT_STRUCTURED, /* CloudEvents around it */
};

struct catalogue; /* opaque */

/* One endpoint of a snapshot; lives as long as the snapshot. */
struct cat_endpoint {
	int64_t id;
	struct str url;
	int16_t url_no;
	bool disabled;
	struct filter filter;
	int nheaders;
	const char *const *headers; /* "name: value" lines */
	int nsecrets;               /* 1 to SIGN_KEYS_MAX, the newest first */
	const struct sign_secret *secrets;
	const struct wall *secrets_until; /* us == 0: for ever */
	struct str profile;  /* how it is signed: policy/profile.h; {NULL, 0}: Standard Webhooks */
	struct str template; /* JSON, of the profile "custom" */
	enum event_format format;
	bool has_schedule;
	struct backoff schedule; /* when has_schedule */
	int64_t timeout_ms;      /* 0: the server's */
	int max_in_flight;       /* 0: the server's */
	int throttle_rate;       /* deliveries a second, of all workers together; 0: no limit */
	enum ordering ordering;
	bool blocks; /* in order: what has used up its schedule is tried on, and holds up the
		      * others, instead of becoming a dead letter */
	enum hold_state hold;
	bool held; /* there is a row of `hold`; what follows is its */
	int16_t hold_slot;
};

/* One polling endpoint that gathers. */
struct cat_poll {
	int64_t id;
	struct filter filter;
};

/* Tokens of the application that are good no more (token_void.sql). */
struct cat_void {
	struct str scope; /* "": all; "s" and a session; "t" and a token's print */
	int64_t version;  /* those that were made under an older one … */
	int64_t made_s;   /* … or, where that is not known, until then */
	struct wall from; /* they are good until then */
};

struct cat_app {
	int64_t id;
	struct str org;
	struct str uid; /* {NULL, 0}: none */
	int64_t version;
	int throttle_rate; /* deliveries a second, of all workers and endpoints; 0: no limit */
	bool deleted;      /* loaded by id after its deletion: no endpoints, refuses events */
	int nvoids;
	const struct cat_void *voids;
	int nendpoints;
	const struct cat_endpoint *endpoints; /* by id, ascending; disabled ones included */
	int npolls;
	const struct cat_poll *polls; /* by id, ascending */
};

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

const struct cat_app *cat_app_ref(const struct cat_app *app); /* returns app */
void cat_app_unref(const struct cat_app *app);                /* NULL is allowed */
const struct cat_endpoint *cat_endpoint_get(const struct cat_app *app, int64_t endpoint_id);
