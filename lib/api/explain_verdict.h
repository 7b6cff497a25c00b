/* Why a message is where it is at an endpoint: from what is stored of the two to a verdict. No
 * clock and no database here, so that every case can be a row of a test. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"

#include "store/dead_letter.h"
#include "store/hold.h"

/* What is known of one message at one endpoint. Times with us == 0 are not there. */
struct standing {
	/* the message */
	struct wall accepted;
	struct wall deliver_at;
	struct str event_type;
	struct str channels; /* comma-separated; {NULL, 0}: none */
	bool payload_gone;
	bool adrift; /* it is not resolved, and the lease of its slot has lapsed */

	/* the endpoint, as it is now */
	bool matched; /* when the message was accepted */
	bool disabled, paused, unverified;
	struct str disabled_reason;
	int nevent_types, nchannels; /* 0: all */
	const struct str *event_types, *endpoint_channels;
	int64_t throttle_rate; /* 0: none */
	struct wall created, updated, deleted;
	enum hold_state hold;
	struct wall probe;

	/* what became of it */
	int64_t attempts;
	struct wall succeeded;
	int64_t last_status; /* of the last attempt; 0: there was no answer */
	struct str last_error;
	struct wall next;           /* when the next attempt is planned */
	bool waits, waits_in_order; /* a step is parked; one that has its order */
	bool given_up;              /* there is a dead letter; what follows is the last one's */
	enum dead_reason dead_reason;
	struct wall given_up_at, replayed, discarded;
	bool tried_since; /* by that replay */
};

/* All texts are static, but for the sentence. */
struct verdict {
	const char *state;  /* "delivered", "pending", "scheduled", "retrying", "waiting",
			       "deadLetter",  "failed", "notMatched" */
	const char *reason; /* why it was not matched, waits, or was given up; or NULL */
	struct wall
	    next; /* when something happens next; us == 0: that is not known, or nothing will */
	const char *because; /* for people: what happened, and what comes next */
};
struct verdict explain_verdict(const struct standing *s, struct wall now, struct arena *a);
