/* What the files of the lanes share. Their nouns: lane.c the lane and what waits in it,
 * lane_turn.c whose turn it is, lane_share.c the room that lanes share, lane_flight.c what is under
 * way, lane_rate.c limited rates, lane_group.c applications.
 *
 *   lanes ── ring of groups (applications) ── ring of lanes (endpoints) ── fresh, back
 *
 * A lane has one state, which lane_judge works out anew after any change and lane_set alone
 * changes. */
#pragma once

#include <uthash.h>

#include "base/metric.h"

#include "policy/breaker.h"
#include "policy/window.h"
#include "send/lane.h"
#include "send/throttle.h"

/* The keys are ids, which differ in all their lower bits. */
#undef HASH_FUNCTION
#define HASH_FUNCTION(key, len, hash)                                                              \
	((hash) = (unsigned)((*(const uint64_t *)(key)*UINT64_C(0x9e3779b97f4a7c15)) >> 32))

/* Why a lane starts nothing, the first that applies; or that it may. */
enum lane_state {
	LANE_EMPTY,     /* nothing waits */
	LANE_UNKNOWN,   /* the application has not been read yet */
	LANE_SHUT,      /* by its gate, or set aside */
	LANE_QUIET,     /* the receiver asked for it, until a time */
	LANE_FULL,      /* as many are under way as its window lets */
	LANE_HUSHED,    /* room is scarce, and it takes longer than usual to answer */
	LANE_BLOCKED,   /* there is no room among all that is under way (lane_share.c) */
	LANE_THROTTLED, /* its endpoint may have no more now (lane_rate.c) */
	LANE_RATIONED,  /* its application may have no more now: in group->rationed */
	LANE_RUNS,      /* in its group's ring */
};

/* What is known of an endpoint; each class gets less of the room than the one before it. */
enum lane_class {
	CLASS_SOUND,  /* answers, and not later than usual */
	CLASS_SLOW,   /* answers late, or may do so: it has never answered yet */
	CLASS_SILENT, /* one was late, and nothing has been answered since */
	CLASS_COUNT
};

#define ROOMS 18 /* 0, 1, 2 to 3, 4 to 7, … under way */

TAILQ_HEAD(lane_list, lane);
TAILQ_HEAD(group_list, group);

/* What is waiting, by what it waits for; a lane has its part of each sum. */
struct lane_sums {
	int ready;           /* for us */
	int brisk;           /* behind a full window of an endpoint which answers at once */
	int stuck;           /* for their endpoint: all that are not ready */
	int64_t stuck_bytes; /* of their payloads */
};

struct lane {
	int64_t endpoint_id; /* key */
	struct group *group;
	struct route *route;        /* NULL: unknown (group->app NULL) or gone */
	struct delivery_list queue; /* new ones */
	struct delivery_list back;  /* those that were parked */
	bool back_turn;             /* of two that wait, the parked one is next */
	bool idle;                  /* nothing waits and nothing is under way */
	bool aside;                 /* attempts nothing any more (lanes_set_aside) */
	bool ends;                  /* what starts is given up: it is gone or disabled */
	bool doubt;                 /* … as far as is known: the application is being read */
	bool parks;                 /* … or parked, if it is new … */
	bool paused;                /* … even if somebody sends it by hand */
	enum lane_gate gate;
	enum lane_state state;
	int queued;
	int64_t queued_bytes;
	struct lane_sums part;
	int wanting; /* its part of group->wanting */
	int credit;  /* of turns: see lane_turn.c */

	/* Under way. */
	int in_flight;
	int64_t flight_bytes;
	int late; /* those that take suspiciously long */
	struct window window;
	int cap;         /* of the window */
	usec_t pace;     /* how long one is under way, on average */
	usec_t left_at;  /* when the last one was through */
	usec_t moved_at; /* the last answer, or when the first one under way started */
	bool answers;    /* has answered at all */
	bool silent;
	enum lane_class class;
	int room; /* while LANE_BLOCKED: index of its list */
	struct breaker breaker;
	struct limit *limit; /* NULL: its rate is not limited */
	usec_t quiet_until;
	struct timer quiet; /* made when it is needed first */

	TAILQ_ENTRY(lane)
	turn;                     /* in group->turns while LANE_RUNS, in group->rationed while
				   * LANE_RATIONED, in pool->blocked[room] while LANE_BLOCKED */
	TAILQ_ENTRY(lane) member; /* in group->members */
	TAILQ_ENTRY(lane) rest;   /* in lanes->idle while idle … */
	usec_t rests_from; /* … from then on, or from when it was seen to be worth keeping */
	UT_hash_handle hh;
};

/* The lanes of one application. */
struct group {
	struct lanes *lanes;
	int64_t app_id;            /* key */
	const struct cat_app *app; /* one reference; NULL while it is not known */
	usec_t read_at;            /* `app` is not older than that; 0: as old as can be */
	usec_t asked_at;           /* while it is being read */
	bool loading;
	struct timer again;
	struct lane_list members, turns;
	int credit;
	struct limit *limit;       /* NULL: its rate is not limited */
	struct lane_list rationed; /* wait for it */
	int wanting;               /* deliveries that wait for it, or would without it */
	bool in_ring;
	TAILQ_ENTRY(group) ring;
	UT_hash_handle hh;
};

/* What is under way to the lanes of one class, and those of them that wait for room. */
struct pool {
	int in_flight;
	int64_t bytes;
	int nblocked;
	struct lane_list blocked[ROOMS]; /* by how many each has under way */
};

#define FLIGHT_LEVELS 4

/* The clock over what is under way (lane_flight.c). */
struct flights {
	struct delivery_list level[FLIGHT_LEVELS]; /* each in the order of starts */
	struct timer tick;
	bool ticking;
};

struct lanes {
	struct loop *loop;
	struct catalogue *cat;
	struct throttle *throttle; /* borrowed */
	int window_max, breaker_failures;
	int in_flight_max, lane_max, queue_max;
	int64_t bytes_max;
	void (*wake)(void *arg);
	void *arg;
	struct lane *by_endpoint;
	struct group *by_app;
	struct group_list ring;
	struct lane_list idle; /* in the order of rests_from */
	int nidle;
	struct timer look; /* for those that have rested for long */
	int queued;
	int aside; /* under way in lanes that were set aside */
	struct lane_sums sum;
	struct pool pool[CLASS_COUNT];
	int room[CLASS_COUNT];           /* how many more may start of each class */
	int64_t bytes_room[CLASS_COUNT]; /* … and of how many bytes */
	bool scarce;                     /* room */
	struct flights flights;
};

/* The queue whose first delivery is next; something must be waiting. */
struct delivery_list *lane_pick(struct lane *lane);
void lane_count(struct lane *lane, struct delivery *d, int n);
void lane_rests(struct lane *lane); /* from now on: the last of the idle ones */
void lane_weigh(struct lane *lane); /* its route or its gate has changed */

/* Whether what is next is over at once: then no bound on what is under way applies. */
static inline bool
lane_passes(const struct lane *lane)
{
	return lane->ends || (lane->parks && !TAILQ_EMPTY(&lane->queue));
}

/* Whether what is next takes a turn at a limited rate: it may be a request. */
static inline bool
lane_takes_turn(const struct lane *lane)
{
	if (!lane_passes(lane))
		return true;
	return !lane->ends && !lane->paused && TAILQ_FIRST(&lane->queue)->trigger == TRIGGER_RESEND;
}

/* lane_turn.c */
void lane_judge(struct lane *lane); /* after any change of it */
/* Nothing of it starts before then. */
void lane_quiet(struct lane *lane, usec_t until);

/* lane_share.c */
void share_init(struct lanes *ls);
/* Whether it is we who have no room for it, and not its own endpoint that holds too much. */
bool share_is_ours(const struct lane *lane);
void share_block(struct lane *lane); /* it waits for room */
void share_unblock(struct lane *lane);
void share_moved(struct lane *lane); /* it still does, but maybe with fewer under way */
void share_admit(struct lanes *ls);  /* lanes for which there is room now take turns again */
void share_take(struct lane *lane, int64_t bytes);
void share_give(struct lane *lane, int64_t bytes);
void share_class(struct lane *lane, enum lane_class class);

static inline bool
share_allows_bytes(const struct lane *lane)
{
	return lane->flight_bytes < lane->group->lanes->bytes_room[lane->class];
}

static inline bool
share_allows(const struct lane *lane)
{
	return lane->in_flight < lane->group->lanes->room[lane->class] && share_allows_bytes(lane);
}

/* Whether the lane holds more of the memory for what waits than is its share. */
bool share_is_over(const struct lane *lane);

/* lane_rate.c */
void rate_prepare_lane(struct lane *lane); /* its limit, by its route */
void rate_prepare_group(struct group *g);  /* the application's, by the snapshot */
void rate_done_lane(struct lane *lane);
void rate_done_group(struct group *g);
/* LANE_RUNS, or which limit holds the lane up. */
enum lane_state rate_state(const struct lane *lane);
bool rate_holds_up(enum lane_state state);
/* How many of its deliveries may go out now; all that wait without a limit. */
int rate_allows(const struct lane *lane);
/* One goes out. Returns up to when it may (delivery.h: send_by); 0: at any time. */
usec_t rate_take(struct lane *lane);
/* The end of lane_judge, for a lane with a limit of either kind. */
void rate_judge(struct lane *lane, enum lane_state before);

/* lane_flight.c */
void flights_init(struct lanes *ls);
void flights_done(struct lanes *ls);
void flight_start(struct lane *lane, struct delivery *d);
void flight_end(struct lane *lane, struct delivery *d);
/* What the end of an attempt that started then tells about the endpoint. */
void flight_learn(struct lane *lane, const struct lane_end *end, usec_t started);
/* How many may be under way to the lane. */
int flight_window(const struct lane *lane);
/* The lane's class, as of now. */
void flight_class(struct lane *lane);
/* Something is under way to it, and for a while nothing has been answered. */
bool flight_is_hushed(const struct lane *lane);

/* lane_group.c */
struct group *group_get(struct lanes *ls, int64_t app_id);
void group_free_if_empty(struct group *g);
void lane_prepare(struct lane *lane); /* its route, by the application's snapshot */
