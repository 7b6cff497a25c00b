/* An application with its endpoints, as the sender and the ingestor need it: an immutable snapshot
 * of what the database has, with a reference count. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

#include "policy/backoff.h"
#include "policy/filter.h"
#include "policy/sign.h"
#include "store/hold.h"

enum event_format {
	FORMAT_NONE,       /* the payload as it is */
	FORMAT_BINARY,     /* CloudEvents in headers beside it */
	FORMAT_STRUCTURED, /* CloudEvents around it */
};

/* One endpoint of a snapshot; lives as long as the snapshot. */
struct cat_endpoint {
	int64_t id;
	struct str url;
	int16_t url_no;
	bool disabled; /* or its URL has not answered its challenge: either way it gets nothing */
	struct filter filter;
	int nheaders;
	const char *const *headers; /* "name: value" lines */
	int nsecrets;               /* 1 to SIGN_KEYS_MAX, the newest first */
	const struct sign_secret *secrets;
	const struct wall *secrets_until; /* us == 0: for ever */
	struct str profile;  /* how it is signed: policy/profile.h; {NULL, 0}: Standard Webhooks */
	struct str template; /* JSON, of the profile "custom" */
	enum event_format format;
	bool announces; /* with WebHook-Request-Origin: its challenge is "cloudevents" */
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

/* From the rows of catalogue_by_id.sql, catalogue_by_ref.sql or endpoint_challenged.sql, at least
 * one and all of one application. The caller has the only reference. */
#define CAT_APP_COLUMNS 32 /* what stands behind them is not read */
const struct cat_app *cat_app_read(const PGresult *r);

const struct cat_app *cat_app_ref(const struct cat_app *app); /* returns app */
void cat_app_unref(const struct cat_app *app);                /* NULL is allowed */
const struct cat_endpoint *cat_endpoint_get(const struct cat_app *app, int64_t endpoint_id);
