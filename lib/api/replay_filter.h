/* Which messages an endpoint is to be sent again: by the JSON of a task, {"endpointId", "since",
 * "until", "eventTypes", "channel", "tag", "status", "statusCodeClass"}. */
#pragma once

#include "api/log_list.h"

struct replay_filter {
	int64_t endpoint_id;
	struct wall since, until;
	int64_t above, below; /* ids of since and until, exclusive */
	int ntypes;           /* 0: all */
	struct str types[LOG_TYPES_MAX];
	struct str channel, tag; /* {NULL, 0}: all */
	int64_t status;          /* enum log_status of a message at the endpoint; -1: any */
	int64_t class; /* first digit of the last answer's status, 0: there was none; -1: any */
};

/* What of it, as task_endpoint_step.sql knows it. */
enum replay_which {
	REPLAY_UNSUCCESSFUL, /* attempted, and never delivered */
	REPLAY_ATTEMPTED,
	REPLAY_MISSING, /* never attempted, though the endpoint's own filter matches */
};

/* From since and until, to the millisecond: both are meant. */
void replay_filter_range(struct replay_filter *f);
/* Writes it as an object. */
void replay_filter_put(struct jw *j, const struct replay_filter *f);
/* What replay_filter_put wrote; -1: it is something else. Texts point into the object. */
int replay_filter_from_json(const json_t *object, struct replay_filter *ret) MUST_CHECK;
/* Seven arguments: endpoint, which, event types or null, channel or null, status or null, class or
 * null, tag or null. */
void replay_filter_arg(struct pg_args *a, const struct replay_filter *f, enum replay_which which);
