/* The kinds of background tasks, by the names of their column and the API's "task" (task_kind.h has
 * what they do). */
#pragma once

#define TASK_REPLAY         "dead_letter.replay"
#define TASK_DISCARD        "dead_letter.discard"
#define TASK_RECOVER        "endpoint.recover"
#define TASK_REPLAY_MISSING "endpoint.replay"
#define TASK_BULK_REPLAY    "endpoint.bulk-replay"
#define TASK_EXPUNGE        "application.purge_content"
#define TASK_APP_STATS      "application.stats"
#define TASK_EVENT_TYPES    "event-type.aggregate"
