/* Background tasks: what they are, as JSON, and making one. */
#pragma once

#include "rest/field.h"

/* The kinds, by the names of their column and the API's "task" (task_kind.h has what they do). */
#define TASK_REPLAY         "dead_letter.replay"
#define TASK_DISCARD        "dead_letter.discard"
#define TASK_RECOVER        "endpoint.recover"
#define TASK_REPLAY_MISSING "endpoint.replay"
#define TASK_BULK_REPLAY    "endpoint.bulk-replay"
#define TASK_EXPUNGE        "application.purge_content"
#define TASK_APP_STATS      "application.stats"
#define TASK_EVENT_TYPES    "event-type.aggregate"

struct task_in {
	const char *name;
	int64_t app_id;    /* 0: none */
	struct str filter; /* JSON */
	int64_t rate;      /* a second; 0: as fast as it goes */
	int64_t total;
	int64_t cursor;                 /* it begins behind this id */
	const struct names *unresolved; /* told with it as unresolvedAppIds; NULL: it is not */
};

/* Stores the task, has it started, and answers 202 with it. */
void task_start(struct call *c, const struct task_in *in);
