/* Rows of the statements endpoint_*.sql: an endpoint as admins see it, without its keys. */
#pragma once

#include "pg/pg.h"
#include "store/hold.h"

struct endpoint_row {
	int64_t id;
	int64_t app_id;
	struct str uid; /* {NULL, 0}: none */
	struct str url;
	struct str description;
	int64_t version; /* the user's own number */
	bool disabled;
	struct str disabled_reason; /* {NULL, 0} unless disabled */
	int nevent_types;           /* 0: all */
	struct str *event_types;
	int nchannels; /* 0: every message */
	struct str *channels;
	int64_t throttle_rate; /* deliveries a second; 0: no limit */
	struct str metadata;   /* JSON */
	bool has_retry_schedule;
	int nretry_schedule;
	int64_t *retry_schedule; /* ms */
	int64_t timeout_ms;      /* 0: the server's */
	int64_t max_in_flight;   /* 0: the server's */
	bool paused;
	struct str ordering; /* "endpoint", "key", {NULL, 0} */
	struct str head_of_line;
	struct str signature_profile;  /* {NULL, 0}: standard */
	struct str signature_template; /* JSON; {NULL, 0}: none */
	struct str format;             /* {NULL, 0}: none */
	enum hold_state hold;          /* HOLD_CLOSED when there is none */
	struct wall failing_since;     /* us == 0: it is not */
	struct wall probe_at;          /* us == 0: none is planned */
	struct str challenge;          /* "slack", "cloudevents", {NULL, 0} */
	bool unverified;               /* there is one, and the URL has not answered it */
	struct wall verified_at;       /* us == 0: it has not */
	struct str challenge_error;    /* {NULL, 0}: the last one did not fail */
	int64_t challenge_rate;        /* deliveries a second that it allows; 0: any */
	struct wall created_at, updated_at;
	int64_t app_version; /* of the catalogue */
};
#define ENDPOINT_COLUMNS 31

/* Texts point into the result, lists into the arena. */
void endpoint_row_read(const PGresult *r, int row, struct arena *a, struct endpoint_row *ret);
